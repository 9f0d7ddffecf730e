// Names and what they stand for, in memory: plays publishing, with every way in which it is cut short.
import { assert } from '../../base/assert.js';
import { errors } from '../../base/errors.js';
import type { BeginOptions, Publication, Publishing } from '../../transfer/target.js';
import { SimClock } from './clock.js';
import { kernelError } from './kernel-error.js';
import type { SimOptions } from './options.js';
import { Prng } from './prng.js';
import { SimTarget } from './sim-target.js';

/** What fails, or loses power: before the name changes, right after it, or before that is durable. */
export type PublishStep = 'sync' | 'rename' | 'name-sync';

export interface SimStoreOptions {
  readonly seed?: number | undefined;
  /** Of every target that is begun: all share one clock. */
  readonly target?: SimOptions | undefined;
  /** A plain statement: nothing can appear at once here. */
  readonly cannotPublish?: string | undefined;
  /** The N-th `publish` fails at this step, with EIO. */
  readonly failAt?: { readonly publish: number; readonly step: PublishStep } | undefined;
}

interface Name {
  visible: SimTarget | null;
  /** What power loss may go back to; the same as `visible` once the name is durable. */
  durable: SimTarget | null;
}

export class SimStore implements Publishing {
  readonly cannotPublish: string | null;
  readonly clock: SimClock;
  readonly #options: SimStoreOptions;
  readonly #prng: Prng;
  readonly #names: Map<string, Name> = new Map();
  readonly #unpublished: Set<SimTarget> = new Set();
  #begun = 0;
  #publishes = 0;

  constructor(options: SimStoreOptions = {}) {
    this.#options = options;
    this.cannotPublish = options.cannotPublish ?? null;
    this.clock = options.target?.clock ?? new SimClock(options.target?.pump);
    this.#prng = new Prng(options.seed ?? 1, 4);
  }

  /** What the name stands for now. */
  lookUp(name: string): SimTarget | null {
    return this.#names.get(name)?.visible ?? null;
  }

  /** How many were begun, and neither published nor discarded. */
  get unpublished(): number {
    return this.#unpublished.size;
  }

  async begin(name: string, options: BeginOptions = {}): Promise<Publication> {
    if (this.cannotPublish !== null)
      throw errors.make('ERR_DIORITE_UNSUPPORTED', `${name}: ${this.cannotPublish}`, { path: name });
    const { spaceBytes } = this.#options.target ?? {};
    if (spaceBytes !== undefined && (options.size ?? 0) > spaceBytes)
      throw kernelError('ENOSPC', 'begin', name, 0, options.size ?? 0);
    const seed = (this.#options.seed ?? 1) * 1000 + ++this.#begun;
    const target = new SimTarget({ seed, ...this.#options.target, name: `sim:${name}`, clock: this.clock });
    this.#unpublished.add(target);
    return new SimPublication(this, name, target, options.replace ?? true);
  }

  /** Durable bytes first, then the name, then that it lasts: at no time does the name stand for a part of something. */
  async publish(name: string, target: SimTarget, replace: boolean): Promise<void> {
    const number = ++this.#publishes;
    const { failAt } = this.#options;
    const fails = (step: PublishStep): boolean => failAt?.publish === number && failAt.step === step;
    await target.close();
    if (fails('sync')) throw kernelError('EIO', 'fsync', name, 0, 0);
    // A pipe has nothing to make durable, and what is durable when it is answered needs no sync.
    if (target.durable === 'sync') await target.sync();
    if (fails('rename')) throw kernelError('EIO', 'rename', name, 0, 0);
    const entry = this.#names.get(name) ?? { visible: null, durable: null };
    if (!replace && entry.visible !== null)
      throw errors.make('ERR_DIORITE_EXISTS', `The name exists: ${name}`, { path: name });
    entry.visible = target;
    this.#names.set(name, entry);
    this.#unpublished.delete(target);
    if (fails('name-sync')) throw kernelError('EIO', 'fsync', name, 0, 0);
    entry.durable = target;
  }

  discard(target: SimTarget): void {
    this.#unpublished.delete(target);
  }

  /** Power loss: a name that is not durable is the old one or the new one. What was not published is swept away. */
  crash(): void {
    for (const [name, entry] of this.#names) {
      if (entry.visible !== entry.durable && this.#prng.chance(0.5)) entry.visible = entry.durable;
      entry.durable = entry.visible;
      if (entry.visible === null) this.#names.delete(name);
      else entry.visible.crash();
    }
    this.#unpublished.clear();
  }
}

class SimPublication implements Publication {
  readonly target: SimTarget;
  readonly #store: SimStore;
  readonly #name: string;
  readonly #replace: boolean;
  #ended = false;

  constructor(store: SimStore, name: string, target: SimTarget, replace: boolean) {
    this.#store = store;
    this.#name = name;
    this.#replace = replace;
    this.target = target;
  }

  async publish(): Promise<boolean> {
    if (this.#ended)
      throw errors.make('ERR_DIORITE_CLOSED', `${this.#name}: published or discarded already`, { path: this.#name });
    assert(this.target.stats.inFlight === 0, 'what is published has been written');
    await this.#store.publish(this.#name, this.target, this.#replace);
    this.#ended = true;
    return true;
  }

  async discard(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.target.close();
    this.#store.discard(this.target);
  }
}
