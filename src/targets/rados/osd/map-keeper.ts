// The newest OSD map, kept up to date by what monitors and OSDs send.
import { DioriteError } from '../../../base/errors.js';
import type { OsdMapUpdate } from '../mon/messages.js';
import { OsdMap } from '../osdmap/osd-map.js';

export interface MapUser {
  /** Maps from this epoch on are wanted; 0: the newest one in full. */
  want(epoch: number): void;
  /** There is none between this one and what comes next. */
  have(epoch: number): void;
  changed(before: OsdMap | null, now: OsdMap): void;
  /** The newest map cannot be used, for what this says: the one before stays. */
  unusable(error: DioriteError): void;
}

interface Waiting {
  readonly epoch: number;
  resolve(): void;
}

export class MapKeeper {
  readonly #user: MapUser;
  #map: OsdMap | null = null;
  #waiting: Waiting[] = [];
  /** Asked for in full, since an incremental one could not be used. */
  #wantsFull = false;

  constructor(user: MapUser) {
    this.#user = user;
  }

  get map(): OsdMap | null {
    return this.#map;
  }

  /** Resolves with the first map of this epoch or later, and when `stop` says that none comes. */
  atLeast(epoch: number): Promise<void> {
    if (this.#map !== null && this.#map.epoch >= epoch) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ epoch, resolve }));
  }

  stop(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  update({ fsid, fulls, incrementals }: OsdMapUpdate): void {
    const before = this.#map;
    if (before !== null && before.fsid !== fsid) return;
    let now = before;
    try {
      const full = fulls.at(-1);
      if (full !== undefined && (now === null || full.epoch > now.epoch || this.#wantsFull)) {
        now = OsdMap.decode(full.bytes);
        this.#wantsFull = false;
      }
      for (const { epoch, bytes } of incrementals) if (now !== null && epoch === now.epoch + 1) now = now.apply(bytes);
    } catch (error) {
      if (!(error instanceof DioriteError)) throw error;
      this.#refused(error);
      return;
    }
    const last = incrementals.at(-1)?.epoch ?? 0;
    if (now === null || last > now.epoch) this.#user.want(now === null ? 0 : now.epoch + 1);
    if (now === null || now === before) return;
    this.#changed(before, now);
  }

  #changed(before: OsdMap | null, now: OsdMap): void {
    this.#map = now;
    this.#user.have(now.epoch);
    this.#user.changed(before, now);
    const due = this.#waiting.filter(({ epoch }) => epoch <= now.epoch);
    this.#waiting = this.#waiting.filter(({ epoch }) => epoch > now.epoch);
    for (const { resolve } of due) resolve();
  }

  /** What an incremental map could not say, a full one may. */
  #refused(error: DioriteError): void {
    if (this.#wantsFull || this.#map === null) {
      this.#user.unusable(error);
      return;
    }
    this.#wantsFull = true;
    this.#user.want(0);
  }
}
