// How many requests of what size are kept in flight: found while they run, by what the target does with more or fewer.
import { assert } from '../base/assert.js';

/** What may be chosen; all powers of two, but for `bytesMax`. */
export interface PaceBounds {
  readonly depthMin: number;
  readonly depthMax: number;
  readonly requestBytesMin: number;
  readonly requestBytesMax: number;
  /** depth × requestBytes stays within it. */
  readonly bytesMax: number;
}

/** A choice, and why it is that one. Never changed: a new choice is a new object. */
export interface Chosen {
  /** How many requests are in flight. */
  readonly depth: number;
  /** How large a request is made, where the memory allows. */
  readonly requestBytes: number;
  readonly why: string;
}

/** One thing that can be tried. `gain`: the rate that it must bring, as a multiple of the one there was. */
interface Move {
  readonly depth: number;
  readonly requestBytes: number;
  readonly gain: number;
  /** In a row. */
  readonly wins: number;
  readonly why: string;
}

/**
 * More in flight must pay. Less must cost nothing, then only the wait was longer; to be sure of that takes two comparisons
 * more. Of requests of another size there are as many bytes in flight: fewer, larger ones cost the processors less,
 * and need to move but little more; smaller ones must.
 */
const MOVES: readonly Move[] = [
  { depth: 2, requestBytes: 1, gain: 1.04, wins: 2, why: 'more requests in flight moved more' },
  { depth: 0.5, requestBytes: 1, gain: 0.998, wins: 4, why: 'more requests in flight only waited longer' },
  { depth: 0.5, requestBytes: 2, gain: 1.01, wins: 2, why: 'larger requests moved more' },
  { depth: 2, requestBytes: 0.5, gain: 1.06, wins: 2, why: 'smaller requests moved more' },
];

/** At the start each doubling is tried once, and kept if it brings so much: far from the knee it brings 2. */
const RAMP_GAIN = 1.05;
/** A rate is of at least so many answers, so many times the depth, and so long: answers come in bursts. */
const EPOCH_ANSWERS = 16;
const EPOCH_DEPTHS = 2;
const EPOCH_MS = 8;
/** Epochs between two trials, at first and at most: doubled by each trial that fails, so that trials cost next to nothing. */
const HOLD_EPOCHS = 4;
const HOLD_EPOCHS_MAX = 64;
/**
 * A trial compares epochs in the order a b b a (b is what is tried), so that a target that gets slower or faster meanwhile
 * favours neither, and must win several times in a row: noise seldom does.
 */
const TRIAL: readonly boolean[] = [false, true, true, false];
/** A submission that takes longer does the work itself, on the thread that everybody waits for; so often in a row. */
const HELD_MS_MAX = 2;
const HELD_ENOUGH = 3;

const RAMP = 0;
const HOLD = 1;
const TRY = 2;
type Phase = typeof RAMP | typeof HOLD | typeof TRY;

/**
 * Pure: it is told of answers and of the time, and says what is best, so far.
 *
 *      RAMP   8 ─▶ 16 ─▶ 32     while a doubling brings much          rate │      ┌───────  knee: 16 in flight
 *      HOLD   for some epochs, twice as many after each failed trial        │    ╱
 *      TRY    a b b a: twice, half, other sizes, one after the other        │  ╱           beyond it only the
 *                                                                           └──────────▶   latency grows
 * Only answers of a full pipeline count: while the caller had nothing more to send, or could not, nothing is learnt.
 * Several transfers may share it. Nothing is allocated but when the choice changes.
 */
export class Pace {
  readonly bounds: PaceBounds;
  #chosen: Chosen;
  /** What is in force now: the choice, or what is being tried. */
  #depth: number;
  #requestBytes: number;
  #phase: Phase = RAMP;
  #users = 0;

  /** Answers that belong to what was in force before. */
  #settling: number;
  #epochStartMs = 0;
  #epochAnswers = 0;
  #epochBytes = 0;

  /** RAMP: the best rate so far. Bytes per ms, as all rates are. */
  #rampRate = 0;
  #holdEpochs = HOLD_EPOCHS;
  #held = 0;
  #move = 0;
  /** TRY: where in TRIAL, how often it won, and the sums of the rates of either side. */
  #step = 0;
  #wins = 0;
  #rateA = 0;
  #rateB = 0;
  #requestBytesMax: number;
  #longSubmissions = 0;

  constructor(bounds: PaceBounds, start: Chosen) {
    this.bounds = bounds;
    this.#chosen = start;
    this.#depth = start.depth;
    this.#requestBytes = start.requestBytes;
    this.#requestBytesMax = bounds.requestBytesMax;
    this.#settling = start.depth;
    assert(this.#allows(start.depth, start.requestBytes), 'a pace starts within its bounds');
  }

  /** In force now: requests in flight. */
  get depth(): number {
    return this.#depth;
  }

  /** In force now: bytes of a request. */
  get requestBytes(): number {
    return this.#requestBytes;
  }

  /** What is best, as far as it is known. */
  get chosen(): Chosen {
    return this.#chosen;
  }

  /** One more, or one fewer, uses it. */
  used(by: 1 | -1): void {
    const before = this.#users;
    assert(before + by >= 0, 'who stops has begun');
    this.#users = before + by;
    if (before > 0 && this.#users > 0) this.#isShared();
    this.#restart();
  }

  /** Rates of different numbers of users do not compare. */
  #isShared(): void {
    if (this.#phase === TRY) return this.#endTrial();
    this.#rampRate = 0;
    this.#apply(this.#chosen.depth, this.#chosen.requestBytes);
  }

  /** The pipeline was not full: what is measured now says nothing. */
  interrupted(): void {
    if (this.#epochAnswers > 0 || this.#settling < this.#depth) this.#restart();
  }

  /** A request of `bytes` came back, and the pipeline is full again. */
  answered(bytes: number, nowMs: number): void {
    if (this.#settling > 0) {
      this.#settling--;
      this.#epochStartMs = nowMs;
      return;
    }
    this.#epochAnswers++;
    this.#epochBytes += bytes;
    const elapsedMs = nowMs - this.#epochStartMs;
    const enough = Math.max(EPOCH_ANSWERS, EPOCH_DEPTHS * this.#depth);
    if (this.#epochAnswers < enough || elapsedMs < EPOCH_MS) return;
    const rate = this.#epochBytes / elapsedMs;
    this.#epochAnswers = 0;
    this.#epochBytes = 0;
    this.#epochStartMs = nowMs;
    this.#epochEnds(rate);
  }

  /**
   * How long handing a request over took. Where that is long, the device works on the submitting thread (memory behind a
   * block device), and a smaller request holds it for a shorter time.
   */
  submitted(heldMs: number): void {
    this.#longSubmissions = heldMs > HELD_MS_MAX ? this.#longSubmissions + 1 : 0;
    if (this.#longSubmissions < HELD_ENOUGH) return;
    this.#longSubmissions = 0;
    const half = this.#requestBytes / 2;
    if (half < this.bounds.requestBytesMin) return;
    this.#requestBytesMax = half;
    if (this.#phase === TRY) this.#endTrial();
    this.#phase = HOLD;
    this.#choose(this.#depth, half, 'a larger request held the event loop: it is carried out where it is submitted');
  }

  #restart(): void {
    this.#settling = this.#depth;
    this.#epochAnswers = 0;
    this.#epochBytes = 0;
  }

  #epochEnds(rate: number): void {
    if (this.#phase === RAMP) this.#ramp(rate);
    else if (this.#phase === HOLD) this.#hold();
    else this.#try(rate);
  }

  #ramp(rate: number): void {
    const paid = rate >= this.#rampRate * RAMP_GAIN;
    if (paid && this.#rampRate > 0) this.#choose(this.#depth, this.#requestBytes, MOVES[0]?.why ?? '');
    if (paid && this.#allows(this.#depth * 2, this.#requestBytes)) {
      this.#rampRate = rate;
      this.#apply(this.#depth * 2, this.#requestBytes);
      return;
    }
    this.#phase = HOLD;
    this.#apply(this.#chosen.depth, this.#chosen.requestBytes);
  }

  #hold(): void {
    if (++this.#held < this.#holdEpochs) return;
    this.#held = 0;
    // The next move that the bounds allow; there may be none.
    for (let i = 0; i < MOVES.length; i++) {
      if (this.#allowsMove()) return this.#beginTrial();
      this.#nextMove();
    }
  }

  #beginTrial(): void {
    this.#phase = TRY;
    this.#step = 0;
    this.#wins = 0;
    this.#rateA = 0;
    this.#rateB = 0;
  }

  #try(rate: number): void {
    const triesB = TRIAL[this.#step] === true;
    if (triesB) this.#rateB += rate;
    else this.#rateA += rate;
    this.#step++;
    if (this.#step === TRIAL.length && !this.#comparesWell()) return;
    this.#force(TRIAL[this.#step] === true);
  }

  /** All epochs of a comparison are over. False: so is the trial. */
  #comparesWell(): boolean {
    const { gain, wins, why, requestBytes } = this.#now();
    const won = this.#rateB >= this.#rateA * gain;
    this.#wins++;
    if (won && this.#wins < wins) {
      this.#step = 0;
      this.#rateA = 0;
      this.#rateB = 0;
      return true;
    }
    if (won) {
      // The same move again soon: the knee may be farther on.
      this.#holdEpochs = HOLD_EPOCHS;
      this.#phase = HOLD;
      this.#choose(this.#movedDepth(), this.#chosen.requestBytes * requestBytes, why);
    } else {
      this.#endTrial();
    }
    return false;
  }

  #endTrial(): void {
    this.#holdEpochs = Math.min(this.#holdEpochs * 2, HOLD_EPOCHS_MAX);
    this.#phase = HOLD;
    this.#nextMove();
    this.#force(false);
  }

  #nextMove(): void {
    this.#move = (this.#move + 1) % MOVES.length;
  }

  #now(): Move {
    const move = MOVES[this.#move];
    assert(move !== undefined, 'there is a move to try');
    return move;
  }

  #allowsMove(): boolean {
    return this.#allows(this.#movedDepth(), this.#chosen.requestBytes * this.#now().requestBytes);
  }

  /** Of requests of another size there are at least as few, and at most as many, as the bounds allow. */
  #movedDepth(): number {
    const { depth, requestBytes } = this.#now();
    const moved = this.#chosen.depth * depth;
    if (requestBytes === 1) return moved;
    return Math.min(this.bounds.depthMax, Math.max(this.bounds.depthMin, moved));
  }

  #allows(depth: number, requestBytes: number): boolean {
    const { depthMin, depthMax, requestBytesMin, bytesMax } = this.bounds;
    const inBounds = depth >= depthMin && depth <= depthMax && depth * requestBytes <= bytesMax;
    return inBounds && requestBytes >= requestBytesMin && requestBytes <= this.#requestBytesMax;
  }

  #force(tried: boolean): void {
    const { depth, requestBytes } = this.#chosen;
    if (tried) this.#apply(this.#movedDepth(), requestBytes * this.#now().requestBytes);
    else this.#apply(depth, requestBytes);
  }

  #choose(depth: number, requestBytes: number, why: string): void {
    this.#chosen = { depth, requestBytes, why };
    this.#apply(depth, requestBytes);
  }

  #apply(depth: number, requestBytes: number): void {
    assert(this.#allows(depth, requestBytes), 'a pace stays within its bounds');
    if (depth === this.#depth && requestBytes === this.#requestBytes) return;
    this.#depth = depth;
    this.#requestBytes = requestBytes;
    this.#restart();
  }
}
