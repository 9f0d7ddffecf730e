// The ledger of a stream: in order, without overlap, true where transfers came back in another order or not at all.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DioriteError, type Extent } from '../base/errors.js';
import { MovedAll } from '../transfer/outcome.js';
import { type Sent, StreamLedger } from './stream-ledger.js';

function done(ledger: StreamLedger, sent: Sent): void {
  ledger.done(sent, new MovedAll(sent.offset, sent.bytes, 1, 0, 0, 'direct', true));
}

function failure(extents: readonly Extent[]): DioriteError {
  const error = new DioriteError('EIO: i/o error', { code: 'EIO' });
  error.extents = extents;
  return error;
}

describe('StreamLedger', () => {
  it('counts the unbroken run, in whatever order transfers come back', () => {
    const ledger = new StreamLedger();
    const [a, b, c] = [ledger.begin(100, 10), ledger.begin(110, 20), ledger.begin(130, 5)];
    done(ledger, c);
    assert.equal(ledger.bytes, 0);
    done(ledger, a);
    assert.equal(ledger.bytes, 10);
    assert.deepEqual(ledger.extents(135, 7), [
      { offset: 100, length: 10, state: 'done' },
      { offset: 110, length: 20, state: 'unknown' },
      { offset: 130, length: 5, state: 'done' },
      { offset: 135, length: 7, state: 'failed' },
    ]);
    done(ledger, b);
    assert.equal(ledger.bytes, 35);
    assert.deepEqual(ledger.extents(135, 0), [{ offset: 100, length: 35, state: 'done' }]);
  });

  it('a block that was rewritten makes its neighbours unknown, too', () => {
    const ledger = new StreamLedger();
    const [a, b] = [ledger.begin(0, 4200), ledger.begin(4200, 4000)];
    done(ledger, a);
    const error = failure([
      { offset: 4096, length: 4096, state: 'unknown' },
      { offset: 8192, length: 8, state: 'failed' },
    ]);
    ledger.failed(b, error);
    assert.deepEqual(ledger.extents(8200, 0), [
      { offset: 0, length: 4096, state: 'done' },
      { offset: 4096, length: 4096, state: 'unknown' },
      { offset: 8192, length: 8, state: 'failed' },
    ]);
    const told = ledger.tell(error, 8200, 100);
    assert.ok(told instanceof DioriteError);
    assert.deepEqual([told.code, told.offset, told.length, told.bytes], ['EIO', 0, 8300, 4200]);
  });

  it('an error without a ledger was thrown before anything was sent', () => {
    const ledger = new StreamLedger();
    const sent = ledger.begin(5, 5);
    const error = new Error('mine');
    ledger.failed(sent, error);
    assert.equal(ledger.tell(error, 10, 0), error);
    assert.deepEqual(ledger.extents(10, 0), [{ offset: 5, length: 5, state: 'failed' }]);
  });

  it('what others wrote in between is left out; past 1,024 stretches the oldest become one', () => {
    const ledger = new StreamLedger();
    for (let i = 0; i < 3; i++) done(ledger, ledger.begin(i * 100, 10));
    assert.deepEqual(
      ledger.extents(0, 0).map(({ offset, length }) => [offset, length]),
      [
        [0, 10],
        [100, 10],
        [200, 10],
      ],
    );
    for (let i = 3; i < 2000; i++) done(ledger, ledger.begin(i * 100, 10));
    assert.equal(ledger.bytes, 20_000);
    assert.equal(ledger.extents(0, 0).length, 1024);
  });
});
