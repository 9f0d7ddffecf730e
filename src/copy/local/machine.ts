// What of probe() is the machine's, whatever is looked at.
import { release } from 'node:os';
import { addonProblem } from '../../memory/addon.js';
import { uringFeatures } from '../../targets/file/engines/choose.js';
import type { ProbeResult } from '../probe.js';
import { capabilities } from './capabilities.js';

export function aboutMachine(): Pick<ProbeResult, 'uring' | 'addonProblem' | 'capabilities' | 'machine'> {
  return {
    uring: uringFeatures(),
    addonProblem: addonProblem(),
    capabilities: capabilities(),
    machine: { node: process.versions.node, kernel: release(), arch: process.arch },
  };
}
