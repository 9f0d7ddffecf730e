// Memory and descriptors outlive every way in which JavaScript can lose interest in them while I/O is in flight.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ChildOptions, runChild, runJson } from '../support/children.js';
import { hasAddon } from '../support/needs.js';
import { tempDirectory } from '../support/temp.js';

/** What every child reports at its end. */
interface Report {
  readonly leased: number;
  readonly held: number;
  readonly [fact: string]: unknown;
}

interface Variant {
  readonly name: string;
  readonly env: Record<string, string>;
}

const VARIANTS: readonly Variant[] = [
  { name: 'uring', env: { DIORITE_ENGINE: 'uring' } },
  { name: 'threads', env: { DIORITE_ENGINE: 'threads' } },
  { name: 'without the addon', env: { DIORITE_ADDON: 'off' } },
];

async function child(t: TestContext, script: string, variant: Variant, options: ChildOptions = {}): Promise<Report> {
  const path = join(tempDirectory(t), 'file');
  const url = new URL(`children/${script}.js`, import.meta.url);
  const report = (await runJson(url, { ...options, args: [path], env: variant.env })) as Report;
  assert.equal(report.leased, 0, 'every lease is released');
  assert.equal(report.held, 0, 'every pin is put back');
  return report;
}

for (const variant of VARIANTS) {
  const only = variant.name !== 'without the addon' && !hasAddon() ? { skip: 'needs the addon' } : {};

  test(`garbage collection with I/O in flight: ${variant.name}`, only, async (t) => {
    const report = await child(t, 'collected', variant, { nodeArguments: ['--expose-gc'] });
    assert.equal(report.wrongReads, 0, 'every read that was forgotten and still awaited gave the right bytes');
    assert.equal(report.fileIsRight, true, 'every write whose buffer was forgotten landed');
  });

  test(`a worker is terminated with I/O in flight: ${variant.name}`, only, async (t) => {
    const report = await child(t, 'terminated', variant);
    assert.equal(report.terminated, 12);
    assert.equal(report.tornBlocks, 0, 'what landed is what was written');
  });

  test(`close waits for I/O in flight: ${variant.name}`, only, async (t) => {
    const report = await child(t, 'closing', variant);
    assert.equal(report.settledBeforeClose, report.started, 'close resolves after everything that was in flight');
    assert.equal(report.strangersBytes, 0, 'a reused descriptor number gets nothing that was meant for the old one');
  });

  test(`buffers are transferred away with I/O in flight: ${variant.name}`, only, async (t) => {
    const report = await child(t, 'transferred', variant);
    assert.equal(report.lost, 0, 'the bytes landed where the memory went, or the call was rejected for it');
    assert.equal(report.refused, 'ERR_DIORITE_DETACHED', 'a buffer that is already gone is refused');
  });

  for (const way of ['exit', 'throw', 'return']) {
    test(`the process ends by ${way} with I/O in flight: ${variant.name}`, only, async (t) => {
      const path = join(tempDirectory(t), 'file');
      const script = new URL('children/ending.js', import.meta.url);
      const result = await runChild(script, { args: [path, way], env: variant.env });
      assert.equal(result.signal, null, `no crash: ${result.stderr}`);
      const expected = { exit: 7, throw: 1, return: 0 }[way];
      assert.equal(result.code, expected, result.stderr);
      assert.match(result.stdout, /in flight/);
      if (way === 'return') assert.match(result.stdout, /all settled/, 'I/O in flight keeps the process alive');
    });
  }
}
