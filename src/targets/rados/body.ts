// What a RADOS target stands for: one object, or a file striped over objects; how large it is, and how that changes.
import type { DioriteError } from '../../base/errors.js';
import type { Layout } from '../../plan/layout.js';
import type { FileSpace } from '../../transfer/file-like.js';
import type { Request } from '../../transfer/request.js';
import type { PoolRef } from './osd/pool-ref.js';

export interface Looked {
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

export interface RadosBody {
  readonly pool: PoolRef;
  /** Of the file: objects have names of their own. */
  readonly name: string;
  /** Absent: it is one object. */
  readonly layout?: Layout;
  /** A missing or short object reads as zeros up to the file's size; else the file ends there. */
  readonly hasHoles: boolean;
  /** What a request carries at best. */
  readonly requestBytesBest: number;
  /** Of a pool that takes no overwrites: what is to be written at a time, from a multiple of it on; null: anything. */
  readonly wholeBytes: number | null;
  /** Nobody else sees it, or changes its size: it is as large as what was written. */
  readonly isDraft: boolean;
  /** For every reader it is at least so large from then on; null: it is by the writes themselves, or is not yet. */
  readonly grow: ((sizeBytes: number) => Promise<void>) | null;
  /** Absent: there is no map. `check`: throws where nothing may go out any more. */
  holes?(check: () => void): FileSpace;
  /** `unit`: of the layout; '' where there is none. */
  objectName(unit: string): string;
  /** Why it may not be sent; null: it may. */
  refusal(write: Request): DioriteError | null;
  /** As it is stored now. ENOENT where it is gone. */
  look(): Promise<Looked>;
  /** `knownBytes`: as it was last known to be. */
  truncate(sizeBytes: number, knownBytes: number): Promise<void>;
  close(): Promise<void>;
}
