// ceph.conf and keyrings: sections, keys that are the same with spaces, dashes and underscores, and $variables.
import { errors } from '../../../base/errors.js';

/** Of any file that is read: Ceph's have a few kilobytes. */
export const CONF_BYTES_MAX: number = 1024 * 1024;
const SUBSTITUTIONS_MAX = 10;

type Section = Map<string, string>;

/** `mon host`, `mon_host` and `mon-host` are one key. */
function canonical(key: string): string {
  return key
    .trim()
    .replace(/[\s_-]+/g, '_')
    .toLowerCase();
}

/** Cuts what follows # or ; that no quote or backslash protects. */
function withoutComment(line: string): string {
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const c = line[i] ?? '';
    if (c === '\\') i++;
    else if (quote !== '') quote = c === quote ? '' : quote;
    else if (c === '"' || c === "'") quote = c;
    else if (c === '#' || c === ';') return line.slice(0, i);
  }
  return line;
}

function unquoted(value: string): string {
  const text = value.trim();
  const quote = text[0];
  const isQuoted = text.length > 1 && (quote === '"' || quote === "'") && text.endsWith(quote);
  return (isQuoted ? text.slice(1, -1) : text).replace(/\\(["'#;\\])/g, '$1');
}

export class CephConf {
  readonly #sections: Map<string, Section> = new Map();

  /** `where`: for messages. No line is ever shown: it may hold a key. */
  static parse(text: string, where: string): CephConf {
    const conf = new CephConf();
    let section: Section | null = null;
    const lines = text.replace(/\\\r?\n/g, '').split(/\r?\n/);
    for (const [index, whole] of lines.entries()) {
      const line = withoutComment(whole).trim();
      if (line === '') continue;
      const name = /^\[(.*)\]$/.exec(line)?.[1];
      const at = line.indexOf('=');
      if (name !== undefined) section = conf.#section(name.trim());
      else if (at > 0 && section !== null) section.set(canonical(line.slice(0, at)), unquoted(line.slice(at + 1)));
      else
        throw errors.make('ERR_INVALID_ARG_VALUE', `Line ${index + 1} of ${where} is neither a section nor a setting`);
    }
    return conf;
  }

  #section(name: string): Section {
    const section = this.#sections.get(name) ?? new Map<string, string>();
    this.#sections.set(name, section);
    return section;
  }

  /** Of one section, as it stands there. */
  of(section: string, key: string): string | undefined {
    return this.#sections.get(section)?.get(canonical(key));
  }

  get sections(): readonly string[] {
    return [...this.#sections.keys()];
  }
}

/** A configuration as one client sees it: [client.NAME], [client], [global], in this order. */
export class ClientConf {
  readonly #conf: CephConf;
  readonly #user: string;
  readonly #cluster: string;

  constructor(conf: CephConf, user: string, cluster: string) {
    this.#conf = conf;
    this.#user = user;
    this.#cluster = cluster;
  }

  get(key: string): string | undefined {
    for (const section of [`client.${this.#user}`, 'client', 'global']) {
      const value = this.#conf.of(section, key);
      if (value !== undefined) return this.expand(value);
    }
    return undefined;
  }

  /** `$name`, `${name}`: of the client, or of another setting. */
  expand(value: string): string {
    let text = value;
    for (let round = 0; round < SUBSTITUTIONS_MAX && text.includes('$'); round++)
      text = text.replace(/\$\{?(\w+)\}?/g, (whole: string, name: string) => this.#variable(name) ?? whole);
    return text;
  }

  #variable(name: string): string | undefined {
    if (name === 'cluster') return this.#cluster;
    if (name === 'type') return 'client';
    if (name === 'id') return this.#user;
    if (name === 'name') return `client.${this.#user}`;
    if (name === 'pid') return String(process.pid);
    return this.#conf.of('client', name) ?? this.#conf.of('global', name);
  }
}
