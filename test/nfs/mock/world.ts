// What all protocols of the mock share: the files, the write verifier, and what clients did against the rules.
import type { Grace } from './faults.js';
import type { MockSettings } from './options.js';
import { fail, STATUS } from './status.js';
import { type Node, Tree } from './tree.js';

export class World {
  readonly settings: MockSettings;
  readonly tree: Tree = new Tree();
  /** What clients did against the rules: a line each. */
  readonly violations: string[] = [];
  /** Names the server's life; UNSTABLE data are lost when it changes. */
  writeVerifier = 0x6d6f636b00000001n;
  /** Which life it is, from 1. */
  life = 1;
  grace: Grace = 'none';

  constructor(settings: MockSettings) {
    this.settings = settings;
    this.tree.capacityBytes = settings.capacityBytes;
    for (const path of settings.exports) this.makePath(path);
  }

  violation(text: string): void {
    this.violations.push(text);
  }

  /** Makes the directories of a path that are missing. */
  makePath(path: string): Node {
    let node = this.tree.root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      node = this.tree.find(node, name) ?? this.tree.create(node, name, 'directory', 0o777);
    }
    return node;
  }

  newVerifier(lose: boolean): void {
    this.writeVerifier += 1n;
    if (lose) this.tree.crash();
  }

  /** What was not committed is lost, and a grace period begins. */
  restart(grace: Grace): void {
    this.life += 1;
    this.grace = grace;
    this.newVerifier(true);
  }

  checkWritable(): void {
    if (this.settings.readOnly) fail(STATUS.ROFS);
  }

  /** Offsets and lengths are checked before they become numbers: the end of the file is at most `fileBytesMax`. */
  range(offset: bigint, length: bigint): { readonly offset: number; readonly length: number } {
    if (offset + length > this.settings.fileBytesMax) fail(STATUS.FBIG);
    return { offset: Number(offset), length: Number(length) };
  }
}
