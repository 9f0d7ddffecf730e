// "Strike the n-th message, for n = 1, 2, 3 … until it passes untouched": a server of its own for each n, many at a time.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DioriteError } from '../../../src/base/errors.js';
import type { NfsVersion } from '../ganesha.js';
import { startMock } from '../mock/mock-server.js';
import type { Happening } from './faults.js';
import type { Scene, Stage } from './scenes.js';

/** No scene takes so many messages: an endless loop shows as a failure. */
const MESSAGES_MAX = 120;
/** Most wait for a timer. */
const AT_A_TIME = 16;
/** In tenths of a second: a server that is silent for a third of it is called again. */
const TIMEO = '24';
/** What takes longer hangs: a call that is given up, and what follows from it, have ended long before. */
const HANG_MS = 20_000;

export interface Ends {
  readonly struck: number;
  readonly failed: number;
}

async function within<T>(what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: `${what}: it hangs` })), HANG_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function outcomeOf(play: Promise<void>): Promise<DioriteError | null> {
  try {
    await play;
    return null;
  } catch (error) {
    if (error instanceof DioriteError) return error;
    throw error;
  }
}

interface Staged {
  readonly stage: Stage;
  /** Ends the server, which complains of what its client did against the rules. */
  end(): Promise<void>;
}

async function staged(scene: Scene, version: NfsVersion, local: string): Promise<Staged> {
  const hooks: (() => void | Promise<void>)[] = [];
  const server = await startMock({ after: (hook) => hooks.push(hook) });
  mkdirSync(local);
  const url = (name: string): string => server.url(version, `/export/${name}`, { timeo: TIMEO }).href;
  const stage: Stage = { server, version, local, url };
  scene.prepare(stage);
  const end = async (): Promise<void> => {
    for (const hook of hooks.splice(0)) await hook();
  };
  return { stage, end };
}

/** How many messages the scene sends where all is well. */
export async function messagesOf(scene: Scene, version: NfsVersion, directory: string): Promise<number> {
  const { stage, end } = await staged(scene, version, join(directory, 'untouched'));
  const seen = stage.server.fault({ on: '*', times: Number.POSITIVE_INFINITY, fault: { kind: 'run' } });
  await scene.play(stage);
  await end();
  return seen.hits;
}

/** Null: no message was struck. */
async function strike(
  scene: Scene,
  happening: Happening,
  version: NfsVersion,
  nth: number,
  directory: string,
): Promise<'passed' | 'failed' | null> {
  const what = `NFS ${version}, ${scene.name}, message ${nth}: ${happening.name}`;
  const { stage, end } = await staged(scene, version, join(directory, String(nth)));
  const { server } = stage;
  const fault = server.fault(happening.rule(server, nth));
  try {
    const error = await within(what, outcomeOf(scene.play(stage)));
    const repeats = server.log.repeats.filter((name) => !(happening.isNonsense === true && name === 'REMOVE'));
    assert.deepEqual(repeats, [], 'nothing that does harm is carried out twice');
    if (error !== null) checkError(error, server.port);
    if (error !== null && (happening.end === 'passes' || fault.hits === 0)) throw error;
    await end();
    return fault.hits === 0 ? null : error === null ? 'passed' : 'failed';
  } catch (error) {
    if (error instanceof Error) error.message = `${what}: ${error.message}`;
    throw error;
  } finally {
    server.faults.clear();
    await server.down();
  }
}

/** It says which server it was, and has a code that programs know. */
function checkError(error: DioriteError, port: number): void {
  assert.match(error.code, /^E[A-Z0-9]+$|^ERR_DIORITE_[A-Z_]+$/);
  assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:(${port}|\\d+)`), error.message);
  assert.ok(!error.message.includes('\n'));
}

/** `messages`: of the scene where all is well, which are struck side by side; then one after the other what follows. */
export async function strikeEach(
  scene: Scene,
  happening: Happening,
  version: NfsVersion,
  directory: string,
  messages: number,
): Promise<Ends> {
  const ends = { struck: 0, failed: 0 };
  const strikeAt = async (nth: number): Promise<boolean> => {
    const end = await strike(scene, happening, version, nth, directory);
    if (end !== null) ends.struck++;
    if (end === 'failed') ends.failed++;
    return end !== null;
  };
  let next = 1;
  const worker = async (): Promise<void> => {
    while (next <= messages) await strikeAt(next++);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  while (await strikeAt(next++)) assert.ok(next < MESSAGES_MAX, `the scene still sends message ${next}`);
  return ends;
}
