// What the scripts of a fresh clone share: install, build. Plain Node, no dependencies: node_modules may not exist yet.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const ADDON = join(ROOT, 'build', 'Release', 'diorite.node');
const STAMP = join(ROOT, 'dist', '.sources.json');
const SOURCE_FOLDERS = ['src', 'test', 'bench', 'examples'];

function say(line) {
  process.stderr.write(`diorite: ${line}\n`);
}

/** The modification time in ms; 0 for what does not exist. */
function changed(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Every file below a folder whose name ends so, sorted. */
function filesBelow(folder, endings) {
  if (!existsSync(folder)) return [];
  const found = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...filesBelow(path, endings));
    else if (endings.includes(extname(entry.name))) found.push(path);
  }
  return found.sort();
}

function onPath(program) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/** npm-cli.js: of the npm that runs this script, of the running node, or of the `npm` on PATH. */
function npmCli() {
  const running = process.env.npm_execpath;
  const candidates = running !== undefined && basename(running) === 'npm-cli.js' ? [running] : [];
  for (const node of [process.execPath, realpathSync(process.execPath)])
    candidates.push(join(dirname(dirname(node)), 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'));
  const npm = onPath('npm');
  if (npm !== undefined) candidates.push(realpathSync(npm));
  return candidates.find((path) => basename(path) === 'npm-cli.js' && existsSync(path));
}

/** Runs `npm ci` where node_modules is missing or older than the lock file. */
export function ensureInstalled() {
  const installed = changed(join(ROOT, 'node_modules', '.package-lock.json'));
  if (installed !== 0 && installed >= changed(join(ROOT, 'package-lock.json'))) return;
  const npm = npmCli();
  if (npm === undefined) throw new Error('npm was not found, and node_modules must be installed with it');
  say('installing node_modules (npm ci) …');
  const args = [npm, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  // Its own lines go to stderr: whoever reads our stdout wants only what was asked for.
  const { status, error } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error('npm ci failed', { cause: error });
}

/** Where `include/node/node_api.h` of the running node lies, so that node-gyp has nothing to fetch. */
function headersFolder() {
  const { nodedir } = process.config.variables;
  const candidates = [
    ...[process.execPath, realpathSync(process.execPath)].map((node) => dirname(dirname(node))),
    ...(typeof nodedir === 'string' ? [nodedir] : []),
    join(homedir(), '.cache', 'node-gyp', process.versions.node),
  ];
  return candidates.find((folder) => {
    const version = join(folder, 'include', 'node', 'node_version.h');
    if (!existsSync(join(folder, 'include', 'node', 'node_api.h')) || !existsSync(version)) return false;
    // Headers of another Node beside this one would do for Node-API, but not for libuv's structs.
    const major = /#define NODE_MAJOR_VERSION (\d+)/.exec(readFileSync(version, 'utf8'))?.[1];
    return major === process.versions.node.split('.')[0];
  });
}

/** The node-gyp that npm carries, or one that stands in node_modules. */
function nodeGyp() {
  const npm = npmCli();
  for (const from of [npm, join(ROOT, 'package.json')]) {
    if (from === undefined) continue;
    try {
      return createRequire(from).resolve('node-gyp/bin/node-gyp.js');
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  return undefined;
}

/** As make finds it. */
function cCompiler() {
  return process.env.CC || ['cc', 'gcc'].find((name) => onPath(name) !== undefined);
}

/** What is missing for building the addon, or undefined. */
function addonObstacle() {
  if (process.platform !== 'linux') return `it is for Linux, and this is ${process.platform}`;
  if (headersFolder() === undefined) return "the running node's headers (include/node/node_api.h) were not found";
  if (nodeGyp() === undefined) return 'node-gyp, which comes with npm, was not found';
  if (cCompiler() === undefined) return 'there is no C compiler (Debian: apt install build-essential python3)';
  for (const program of ['make', 'python3'])
    if (onPath(program) === undefined) return `there is no ${program} (Debian: apt install build-essential python3)`;
  return undefined;
}

function addonIsFresh() {
  const sources = [...filesBelow(join(ROOT, 'native'), ['.c', '.h']), join(ROOT, 'binding.gyp')];
  const built = changed(ADDON);
  return built !== 0 && sources.every((path) => changed(path) <= built);
}

function runNodeGyp() {
  const args = [nodeGyp(), 'configure', 'build', '--release', `--nodedir=${headersFolder()}`];
  // Plain C needs no C++ compiler, which gyp would link it with.
  const env = { ...process.env, LINK: process.env.LINK ?? cCompiler() };
  return spawnSync(process.execPath, args, { cwd: ROOT, env, encoding: 'utf8', maxBuffer: 64 << 20 });
}

/** Builds the addon where its sources are newer. What cannot be built is said in one line, and is no failure. */
function ensureAddon({ strict }) {
  if (addonIsFresh()) return;
  const without = 'the threads engine will run, on node:fs';
  const obstacle = addonObstacle();
  if (obstacle !== undefined) {
    say(`the native addon was not built: ${obstacle}; ${without}`);
    return;
  }
  say('building the native addon …');
  const { status, stdout, stderr, error } = runNodeGyp();
  if (status === 0) return;
  if (strict) throw new Error(`node-gyp failed:\n${stdout}${stderr}`, { cause: error });
  const log = join(ROOT, 'build', 'node-gyp.log');
  mkdirSync(dirname(log), { recursive: true });
  writeFileSync(log, `${stdout}${stderr}${error ?? ''}`);
  rmSync(ADDON, { force: true }); // an older build may not fit the JavaScript beside it
  say(`the native addon was not built: node-gyp failed (see build/node-gyp.log); ${without}`);
}

function typescriptSources() {
  return SOURCE_FOLDERS.flatMap((folder) => filesBelow(join(ROOT, folder), ['.ts']));
}

function stampedSources() {
  if (!existsSync(STAMP)) return undefined;
  return readFileSync(STAMP, 'utf8');
}

/** Compiles TypeScript where any source is newer than the last time. */
function ensureCompiled() {
  const sources = typescriptSources();
  const list = JSON.stringify(sources.map((path) => path.slice(ROOT.length + 1)));
  const stamp = changed(STAMP);
  const same = stampedSources() === list;
  const inputs = [...sources, join(ROOT, 'tsconfig.json'), join(ROOT, 'package-lock.json')];
  if (same && inputs.every((path) => changed(path) <= stamp)) return;
  // A source that is gone leaves its output behind, which would still be found by imports and the test runner.
  if (!same) rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  say('compiling TypeScript …');
  const started = new Date();
  const args = [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`tsc failed:\n${stdout}${stderr}`);
  stampAt(list, started);
}

/** Dated from before the compiler read anything: what was saved meanwhile counts as newer. */
function stampAt(list, time) {
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, list);
  utimesSync(STAMP, time, time);
}

/**
 * Builds what is out of date: the addon, then TypeScript. `strict`: an addon that fails to compile is an error; without
 * it, as with a missing compiler, one line says so.
 */
export function ensureBuilt({ nativeOnly = false, strict = false } = {}) {
  ensureAddon({ strict });
  if (!nativeOnly) ensureCompiled();
}
