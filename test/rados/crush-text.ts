// Random CRUSH maps as text for crushtool: every algorithm that is supported, rules of all steps, odd weights, tunables.
import type { Prng } from '../../src/targets/sim/prng.js';

type Algorithm = 'straw2' | 'straw' | 'uniform';

interface Item {
  readonly id: number;
  readonly name: string;
  readonly weight: number;
}

interface Bucket extends Item {
  readonly type: string;
  readonly algorithm: Algorithm;
  readonly items: readonly Item[];
}

export interface CrushText {
  readonly text: string;
  readonly devices: number;
  readonly rules: number;
}

const LEVELS = ['host', 'rack', 'root'] as const;

/** `hosts`: how many; each level above has a quarter of the buckets below it, the last one. */
export function randomCrush(random: Prng, withArgs: boolean): CrushText {
  const buckets: Bucket[] = [];
  const hosts = random.between(2, 16);
  let devices = 0;
  let below: Item[][] = Array.from({ length: hosts }, () => {
    const size = random.chance(0.05) ? 0 : random.between(1, 8);
    return Array.from({ length: size }, () => {
      const id = devices++;
      return { id, name: `osd.${id}`, weight: weight(random) };
    });
  });
  for (const type of LEVELS) {
    const made = below.map((items, index): Bucket => bucket(random, -1 - buckets.length - index, type, items));
    buckets.push(...made);
    below = type === 'host' ? grouped(random, made, Math.max(2, made.length >> 2)) : [made];
  }
  const text = [
    ...tunables(random),
    ...Array.from({ length: devices }, (_, id) => `device ${id} osd.${id}`),
    'type 0 osd',
    ...LEVELS.map((type, index) => `type ${index + 1} ${type}`),
    ...buckets.map(bucketText),
    ...rules(random),
    ...(withArgs ? chooseArgs(random, buckets) : []),
  ];
  return { text: `${text.join('\n')}\n`, devices, rules: RULES.length };
}

function weight(random: Prng): number {
  if (random.chance(0.08)) return 0;
  return random.chance(0.4) ? 1 : Math.round(random.fraction() * 20_000) / 1000;
}

function grouped<T>(random: Prng, items: readonly T[], groups: number): T[][] {
  const found: T[][] = Array.from({ length: groups }, () => []);
  for (const item of items) found[random.below(groups)]?.push(item);
  return found;
}

function bucket(random: Prng, id: number, type: string, items: readonly Item[]): Bucket {
  const algorithm = random.pick<Algorithm>(['straw2', 'straw2', 'straw', 'uniform']);
  // A uniform bucket's items weigh the same.
  const equal = random.between(1, 4);
  const own = algorithm === 'uniform' ? items.map((item) => ({ ...item, weight: equal })) : items;
  const sum = own.reduce((total, item) => total + item.weight, 0);
  return { id, name: `${type}${-id}`, weight: Math.round(sum * 1000) / 1000, type, algorithm, items: own };
}

function bucketText({ id, name, type, algorithm, items }: Bucket): string {
  const lines = items.map((item) => `  item ${item.name} weight ${item.weight.toFixed(3)}`);
  return `${type} ${name} {\n  id ${id}\n  alg ${algorithm}\n  hash 0\n${lines.join('\n')}\n}`;
}

function tunables(random: Prng): string[] {
  // Mostly as clusters have them; the older ones choose in other ways.
  const old = random.chance(0.3);
  return [
    `tunable choose_local_tries ${old ? random.below(4) : 0}`,
    `tunable choose_local_fallback_tries ${old ? random.below(6) : 0}`,
    `tunable choose_total_tries ${random.pick([19, 50, 50, 100])}`,
    `tunable chooseleaf_descend_once ${old ? random.below(2) : 1}`,
    `tunable chooseleaf_vary_r ${old ? random.below(5) : 1}`,
    `tunable chooseleaf_stable ${random.below(2)}`,
    `tunable straw_calc_version ${random.below(2)}`,
    'tunable allowed_bucket_algs 54',
  ];
}

const RULES: readonly (readonly string[])[] = [
  ['chooseleaf firstn 0 type host'],
  ['chooseleaf indep 0 type host'],
  ['choose firstn 0 type osd'],
  ['choose indep 0 type osd'],
  ['choose firstn 2 type rack', 'chooseleaf firstn 2 type host'],
  ['choose indep 2 type rack', 'chooseleaf indep 3 type host'],
  ['choose firstn -1 type host', 'choose firstn 1 type osd'],
  ['choose indep 3 type host', 'choose indep 2 type osd'],
  ['chooseleaf firstn 1 type rack', 'emit', 'take ROOT', 'chooseleaf firstn -1 type host'],
];

function rules(random: Prng): string[] {
  const setters = (): string[] => [
    ...(random.chance(0.4) ? [`set_chooseleaf_tries ${random.between(1, 8)}`] : []),
    ...(random.chance(0.4) ? [`set_choose_tries ${random.between(1, 100)}`] : []),
    ...(random.chance(0.1) ? [`set_choose_local_tries ${random.below(3)}`] : []),
    ...(random.chance(0.1) ? [`set_choose_local_fallback_tries ${random.below(6)}`] : []),
    ...(random.chance(0.2) ? [`set_chooseleaf_vary_r ${random.below(4)}`] : []),
    ...(random.chance(0.2) ? [`set_chooseleaf_stable ${random.below(2)}`] : []),
  ];
  return RULES.map((steps, id) => {
    const all = [...setters(), 'take ROOT', ...steps, 'emit'].map((step) => `  step ${step}`);
    return `rule rule${id} {\n  id ${id}\n  type replicated\n  min_size 1\n  max_size 10\n${all.join('\n')}\n}`;
  });
}

/** crushtool tests with those of pool 0. */
function chooseArgs(random: Prng, buckets: readonly Bucket[]): string[] {
  const lines = ['choose_args 0 {'];
  for (const { id, algorithm, items } of buckets) {
    if (algorithm !== 'straw2' || items.length === 0 || random.chance(0.3)) continue;
    const set = (): string => `      [ ${items.map(() => (random.fraction() * 9).toFixed(3)).join(' ')} ]`;
    const sets = Array.from({ length: random.between(1, 3) }, set);
    lines.push('  {', `    bucket_id ${id}`, '    weight_set [', ...sets, '    ]');
    if (random.chance(0.3))
      lines.push(`    ids [ ${items.map((item) => item.id + (item.id < 0 ? -100 : 100)).join(' ')} ]`);
    lines.push('  }');
  }
  return [...lines, '}'];
}

/** The root is the last bucket. */
export function withRoot({ text, devices, rules: count }: CrushText): CrushText {
  const root = /root (root\d+) \{/.exec(text)?.[1] ?? '';
  return { text: text.replaceAll('take ROOT', `take ${root}`), devices, rules: count };
}
