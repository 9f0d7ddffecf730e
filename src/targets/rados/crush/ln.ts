// CRUSH's logarithm: 2^48 less 2^44 · log2(u + 1) for every u of 16 bits, to the last bit as all other clients have it.

/**
 * For k of 0 … 255, about 2^48 · log2(1 + k / 2^15) in eleven hexadecimal digits each. 235 of them are not what the
 * formula gives, and clusters have placed data by them since: they are constants, `__LL_tbl` of
 * src/crush/crush_ln_table.h in Ceph.
 */
const LOW_LOGARITHMS: string =
  '00000000000002e2a60a000070cb64ec5009ef50ce6700cd1e588fd00fb4747e9c01296fdaf5e01579811b580185bfec2a101b3e76a552' +
  '01e20e8c38002103551d43023e5bbb2b2026c81c83e4029aa7790f002c8cccd9ed02f6f1c5ef20325166201703533aa1d7103815e8571a' +
  '03af820cd2603dda537fae040bc806ec80439ea79a8c04680c9031004962e4a86c04c44fa8ab604f270aaa0605209150672054eb19a013' +
  '057cd1876fd05aaf118b4a05d9104dd0f06072f26c6406354da396006636bc441a06918988ca806bfa6f132206edc3fd79f071be0ada35' +
  '0749fd01afd077818f9a0c07a6349577a07d44fd535e08026ab8dce083085406e3085e9f6beb2088cb93b55208bad2aeadc08e8ebc5f65' +
  '0917048130509451ce05d3097334e37e509a14c8a95309cf63d5a3309fd7ac4a9d0a2b07f34580a59a78ea6a0a87bd699fb0ab5d2e8970' +
  '0ae3e80b8e30b11fcd28690b40113d8180b6e254c80a0b9c38ff8530bca4c5690c0bf85f51a4a0c2671f0c260c548433eb60c82961b211' +
  '0cb0a7a664d0cdeb8d5b820d0cc9a91c80d3ada209330d68ea3c1dd0d96f9fbbdb0dc5095f7440df318674300e2127132b50e4f35632ea' +
  '0e7d43574e60eab50ef8c10ed95e2be900f076b0c66c0f35779106a0f6383b9ca20f918f86b2a0fbf9af7c1a0feda60cf88101bb0c658c' +
  '1049bb23e3c1077c5259af10a5cecb7fc10d3d81593a1101e103d7f112fe9964e4115df1ccf7e118bf9a7d6411ba0126ead11e8084a371' +
  '12160f11bc61244157d7c312721b8d77f12a02141b1012ce269a28e12fc2b96e0f132a3037daa1358347d1771386386698c13b43bf45ff' +
  '13e23f266e9141041fcc5e143e4477678146c469654b149a48598f014c849c117c14f64accf0815244b7d1a915524bd197615804bca687' +
  '15ae4b678f215dc4aa90ce160a498ee3116384819134166646479ec1694441a87016c24191cd716df6ca19bd171e3b6d7aa174c37d1e44' +
  '177a33dab1c17a82f87e4917d62ad97e2180425cf7fe182b07f345818601aa8c19188e148c04618bc0e13b5218ea073fd521918001065d' +
  '1945f88568b1973f09edf219a1e85ccaa19cfdfbf2c819fdd6c60631a2bcd715931a59c3c126e1a87b9b570b1ab5af4e3801ae3a48b7e5' +
  '1b11996d4501b3f8df38d91b6d821e5951b9b75eda9b1bc969618031bf75c79de31c254f36c511c5341983651c81339e3361caf2548bd9' +
  '1cdd1697d671d0b078b7f51d38f823b9a1d66e86086d1d94d841e861dc2c7c7df91df0b6f26df1e1ea5c194e1e4c943555d1e7a824db23' +
  '1ea8700aab51ed65d6c42b1f044a7279d1f32371d51f1f60236ccca1f8e0f60eb31fbbfaf9af31fe9e63719e2017d1192cc2045bb9fe94' +
  '2073a5cb50d209c06e621220cf791026a20fd622997c212b07f34582159334a8d821871b5215021b502fe51721d6a73a78f2210d144eee' +
  '223eb7df52c226c9e1e713229a84024bb22c23679b4e22f64eb83a82324338a51b235218012a9237ffc1cc6923a2c3b0ea423d13ee805b' +
  '24035e9221f243788faf2524656b4e735247ed646bfe24c12ee3d9824ef1025c1a251cf10c79925492644d652578b1c85ee25a6919d8f0' +
  '25d13ee805b2602503671626296453882265e0d62b53268beb701f326b9c92265e26d32f798a9271583758eb2743601673b27713c5c3b0' +
  '279f1846e5f27ccf3d676127e6580aecb2828a9e44b328568462932287bdbf525528b2384de4a28d13ee805b29035e9221f29296453882' +
  '29699bdfb6129902a37aab29c54b864c929deabd10832a20f9c0bb52a4c7605d612a7bdbf52552a96056dafc2ac3daf14ef2af1b019eca' +
  '2b2964538822b5d022d80f2b8fa471cb32ba9012e7132bd6d4901cc2c04a796cf62c327a428a62c61a5e8f4c2c8e1e891f62cbbf023fc2' +
  '2ce9c163e6e2d179248e132d4562d2ec62d73330209d2da102d63b02dced24f814';
const LOW_DIGITS = 11;

const TWO_TO_24 = 2 ** 24;
const TWO_TO_44 = 2 ** 44;
const TWO_TO_48 = 2 ** 48;
/** High logarithms are of 1 + k / 128, k from 0 to here. */
const HIGH_STEPS = 128;
/** The formula gives 2^48; this is what Ceph has. */
const LAST_HIGH_LOGARITHM = 0xffff00000000;

/** 2^48 / (1 + k / 128), rounded up: an integer. */
function reciprocal(k: number): number {
  return Math.ceil((TWO_TO_48 * HIGH_STEPS) / (HIGH_STEPS + k));
}

function highLogarithm(k: number): number {
  return k === HIGH_STEPS ? LAST_HIGH_LOGARITHM : Math.floor(TWO_TO_48 * Math.log2(1 + k / HIGH_STEPS));
}

/** Bits 48 to 55 of x · y, for x up to 2^16 and y up to 2^48: their product may be above 2^53. */
function productBits(x: number, y: number): number {
  const upper = Math.floor(y / TWO_TO_24);
  const carry = Math.floor((x * (y % TWO_TO_24)) / TWO_TO_24);
  return Math.floor((x * upper + carry) / TWO_TO_24) % 256;
}

/**
 *      x = u + 1, shifted left until 2^15 ≤ x ≤ 2^16      the shift is the logarithm's integer
 *      k = the upper bits of x beyond its first           a table of 129
 *      x / (1 + k / 128), what remains of it              a table of 256
 */
function distance(u: number, low: readonly number[]): number {
  const shift = Math.max(0, Math.clz32(u + 1) - 16);
  const x = (u + 1) << shift;
  const k = (x >>> 8) - HIGH_STEPS;
  const fraction = highLogarithm(k) + (low[productBits(x, reciprocal(k))] ?? 0);
  return TWO_TO_48 - ((15 - shift) * TWO_TO_44 + Math.floor(fraction / 16));
}

/** What was asked for, by u; 0, which no logarithm here is: not yet. For loops, which spare the call. */
export const distances: Float64Array = new Float64Array(2 ** 16);
let low: readonly number[] | null = null;

/**
 * How far u + 1, u of 16 bits, is from 2^16, as 2^44 · log2. Each when it is needed: all of them at once were a fifth of
 * the time to the first byte of an object (10 of 50 ms).
 */
export function logarithm(u: number): number {
  low ??= lowLogarithms();
  const found = distance(u, low);
  distances[u] = found;
  return found;
}

function lowLogarithms(): readonly number[] {
  return Array.from({ length: 256 }, (_, k) =>
    Number.parseInt(LOW_LOGARITHMS.slice(k * LOW_DIGITS, (k + 1) * LOW_DIGITS), 16),
  );
}
