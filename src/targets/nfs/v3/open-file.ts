// open() in a protocol that has none: LOOKUP, CREATE and ACCESS, so that errors come when a file is opened.
import { randomBytes } from 'node:crypto';
import type { FileHandle, NfsObject, NfsOpened, NfsOpenOptions } from '../protocol.js';
import { STATUS } from '../status.js';
import type { Asker, Question } from './asker.js';
import { writeSettable } from './attributes.js';
import { askOnce } from './careful.js';
import { CREATE_EXCLUSIVE, CREATE_GUARDED, CREATE_UNCHECKED, PROCEDURE, VERIFIER_BYTES } from './constants.js';
import { checkAccess, checkIsFile, setAttributes } from './files.js';
import { asked, complete, find, lookup, readMade, type Told, writeName } from './objects.js';

/** As open(2) with a umask of 0: the umask is the caller's affair. */
const DEFAULT_MODE = 0o666;

/** A name that is made. */
interface Making {
  readonly directory: FileHandle;
  readonly name: string;
  readonly mode: number;
}

/**
 * A file that this very call made is not asked for rights: who makes a file may write it, whatever its mode says, and
 * servers let its owner do so.
 */
export async function openFile(
  asker: Asker,
  directory: FileHandle,
  name: string,
  options: NfsOpenOptions,
): Promise<NfsOpened> {
  const { create, mode = DEFAULT_MODE } = options;
  const making: Making = { directory, name, mode };
  if (create === 'exclusive') return opened(await createExclusive(asker, making), options);
  // Looked up first: CREATE UNCHECKED of a file that exists would give it this mode on some servers.
  const object = create === 'never' ? await lookup(asker, directory, name) : await find(asker, directory, name);
  if (object === null) return opened(await createUnchecked(asker, making), options);
  checkIsFile(asker.server, object.attributes, name);
  await checkAccess(asker, object.handle, options, name);
  return opened(object, options);
}

function opened({ handle, attributes }: NfsObject, { reads, writes }: NfsOpenOptions): NfsOpened {
  return { file: { handle, reads, writes }, attributes };
}

/** CREATE with a mode. */
function createQuestion({ directory, name, mode }: Making, how: number): Question<Told> {
  return {
    procedure: PROCEDURE.CREATE,
    what: asked('CREATE', name),
    encode(xdr) {
      writeName(xdr, directory, name);
      xdr.u32(how);
      writeSettable(xdr, { mode });
    },
    decode: readMade,
  };
}

async function createUnchecked(asker: Asker, making: Making): Promise<NfsObject> {
  const { directory, name } = making;
  const made = await askOnce(asker, {
    question: createQuestion(making, CREATE_UNCHECKED),
    result: (told) => complete(asker, directory, name, told),
    // Made by whomever: it is there, and that is all that was asked for.
    look: () => find(asker, directory, name),
    repeated: STATUS.EXIST,
  });
  // Another client may have put anything else there meanwhile.
  checkIsFile(asker.server, made.attributes, name);
  return made;
}

/**
 * RFC 1813 §3.3.8, EXCLUSIVE: the server keeps the verifier with the file, so that a second sending after a lost answer
 * finds its own file and not an EXIST. It may keep it in the times, and takes no mode along: both are set afterwards.
 */
async function createExclusive(asker: Asker, making: Making): Promise<NfsObject> {
  const { directory, name, mode } = making;
  const verifier = randomBytes(VERIFIER_BYTES);
  const what = asked('CREATE', name);
  const answer = await asker.put({
    procedure: PROCEDURE.CREATE,
    what,
    encode(xdr) {
      writeName(xdr, directory, name);
      xdr.u32(CREATE_EXCLUSIVE);
      xdr.fixed(verifier);
    },
    decode: readMade,
  });
  if (!answer.ok && answer.status === STATUS.NOTSUPP) return createGuarded(asker, making);
  if (!answer.ok) throw asker.error(answer.status, what);
  const handle = answer.results.handle ?? (await lookup(asker, directory, name)).handle;
  const set = { mode, atimeNs: 'now', mtimeNs: 'now' } as const;
  const { attributes } = await setAttributes(asker, handle, set, asked('SETATTR', name));
  return complete(asker, directory, name, { handle, attributes });
}

/** For servers without EXCLUSIVE. What is there after a lost answer may be another's: it counts as such. */
function createGuarded(asker: Asker, making: Making): Promise<NfsObject> {
  const { directory, name } = making;
  const question = createQuestion(making, CREATE_GUARDED);
  return askOnce(asker, {
    question,
    result: (told) => complete(asker, directory, name, told),
    async look() {
      if ((await find(asker, directory, name)) === null) return null;
      throw asker.error(STATUS.EXIST, `${question.what} (perhaps by this very call, whose answer was lost)`);
    },
    repeated: STATUS.EXIST,
  });
}
