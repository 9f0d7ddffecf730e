// A file in a cluster as destination of a copy: its publication, and what erasure-coded pools ask for.
import type { File } from '../../handle/file.js';
import { toFile } from '../../handle/remote-file.js';
import type { RadosPublishing } from '../../targets/rados/publish.js';
import type { CopySettings } from '../options.js';
import { Published, type PublishedInput } from '../published.js';
import type { Source } from '../source.js';
import { InWholeObjects } from './whole-objects.js';

export interface Begun {
  readonly destination: Published;
  /** What was written, before it is visible. */
  readonly reader: () => File;
}

/** `replace`: something is there under that name. `readBackPath`: what the reader is asked for by. */
export async function beginRadosFile(
  publishing: RadosPublishing,
  path: string,
  replace: boolean,
  readBackPath: string,
  source: Source,
  { signal, requestBytes }: CopySettings,
): Promise<Begun> {
  const publication = await publishing.begin(path, {
    replace,
    ...(source.size === undefined ? {} : { size: source.size }),
  });
  const input: PublishedInput = {
    path,
    publication,
    readBackPath,
    file: toFile(publication.target, {}),
    writing: { signal },
    // A cluster is asked for no room: it tells nobody how much there is for one.
    reserve: async () => undefined,
    takeFrom: async () => ({ io: null, reason: 'a cluster shares no blocks' }),
  };
  const reader = (): File => toFile(publication.reader(), {});
  const { wholeBytes } = publication;
  if (wholeBytes === null) return { destination: new Published(input), reader };
  return {
    destination: new InWholeObjects(input, wholeBytes, source.size === undefined ? null : requestBytes),
    reader,
  };
}
