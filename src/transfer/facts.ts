// What is known of a file, and what lies under it: alignments, store, device, and where each was learnt.

/** How something was learnt: the kernel's word on this file or its device, the protocol's, or what is known or safe. */
export type LearntFrom = 'statx' | 'device' | 'sysfs' | 'file system' | 'protocol' | 'assumed';

export interface Learnt {
  readonly value: number;
  readonly from: LearntFrom;
}

/** RWF_ATOMIC: a power of two of bytes from `minBytes` to `maxBytes`, at a multiple of its own length (statx(2)). */
export interface AtomicWriteFacts {
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly segmentsMax: number;
}

export interface FileFacts {
  /** `stream`: a FIFO, socket or terminal; `char`: any other character device. */
  readonly kind: 'file' | 'block' | 'char' | 'stream' | 'directory';
  /** The kind of file system, or of store. */
  readonly fsName: string;
  /** statfs(2), f_type; 0: unknown, or not of this machine. */
  readonly fsMagic: number;
  /** 0:0, the kernel's own word for none, where it is not a device of this machine. */
  readonly device: { readonly major: number; readonly minor: number };
  /** Of a block device; 0 otherwise. */
  readonly deviceBytes: number;
  /** Identifies the file, whatever it is called: within this machine, or with its server's name in it. */
  readonly inodeKey: string;
  readonly memoryAlignment: Learnt;
  readonly readAlignment: Learnt;
  readonly writeAlignment: Learnt;
  /** What the ends of an unaligned write are cut at: the page, or the file system's block if larger. */
  readonly endAlignment: Learnt;
  /** Why O_DIRECT is of no use here, by direction; null: it is, or there is no page cache in between. */
  readonly notDirect: { readonly read: string | null; readonly write: string | null };
  /** −1: unknown. */
  readonly freeBytes: number;
  /** What one atomic write may be; null: nobody promises any for this file. */
  readonly atomicWrite: AtomicWriteFacts | null;
}
