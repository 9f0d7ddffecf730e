// Owners and groups are strings in NFSv4: numbers, or names of a domain; here they become this machine's numbers.
import { readFile } from 'node:fs/promises';

/** Who a name is that this machine does not know: `nobody` and `nogroup` of Linux. */
const UNKNOWN_ID = 65534;
const ID_MAX = 0xffffffff;
/** A larger one is no list of local accounts: its names stay unknown. */
const ACCOUNTS_BYTES_MAX = 4 * 1024 * 1024;

/** Lines of passwd(5) or group(5): the name is the first field, the number the third. */
function parseAccounts(text: string): Map<string, number> {
  const ids = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name = '', , id = ''] = line.split(':');
    if (name !== '' && /^\d{1,10}$/.test(id) && !ids.has(name)) ids.set(name, Number(id));
  }
  return ids;
}

async function readAccounts(path: string): Promise<Map<string, number>> {
  try {
    const bytes = await readFile(path);
    return parseAccounts(bytes.length <= ACCOUNTS_BYTES_MAX ? bytes.toString('utf8') : '');
  } catch {
    // A machine without the file (a container from scratch) knows no names: numbers are still understood.
    return new Map();
  }
}

/**
 * RFC 8881 §5.9: `"1000"` is a number as it stands, `"anna@example.org"` a name, whose domain is taken to be ours:
 * AUTH_SYS claims numbers anyway, so both sides must agree on them already.
 */
function idOf(text: string, ids: ReadonlyMap<string, number>): number {
  if (/^\d{1,10}$/.test(text)) {
    const id = Number(text);
    return id <= ID_MAX ? id : UNKNOWN_ID;
  }
  const at = text.indexOf('@');
  return ids.get(at < 0 ? text : text.slice(0, at)) ?? UNKNOWN_ID;
}

export class Owners {
  readonly #users: ReadonlyMap<string, number>;
  readonly #groups: ReadonlyMap<string, number>;

  constructor(users: ReadonlyMap<string, number>, groups: ReadonlyMap<string, number>) {
    this.#users = new Map([['root', 0], ...users]);
    this.#groups = new Map([['root', 0], ...groups]);
  }

  /** Of the accounts that this machine knows. */
  static async load(): Promise<Owners> {
    const [users, groups] = await Promise.all([readAccounts('/etc/passwd'), readAccounts('/etc/group')]);
    return new Owners(users, groups);
  }

  user(text: string): number {
    return idOf(text, this.#users);
  }

  group(text: string): number {
    return idOf(text, this.#groups);
  }
}
