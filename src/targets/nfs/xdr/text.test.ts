import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeText, encodeText, isEscaped } from './text.js';

describe('text of servers', () => {
  it('is UTF-8, and is that again', () => {
    for (const text of ['', 'abc', 'grüße', '日本語 🎉', '\ufffd', 'a\ufffdb']) {
      assert.equal(decodeText(Buffer.from(text)), text);
      assert.deepEqual(encodeText(text), Buffer.from(text));
      assert.equal(isEscaped(text), false);
    }
  });

  it('is kept where it is not UTF-8', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['636166e9', 'caf\udce9'],
      ['ff', '\udcff'],
      // Overlong, a half of a pair, above U+10FFFF, cut off.
      ['c080', '\udcc0\udc80'],
      ['eda080', '\udced\udca0\udc80'],
      ['f4908080', '\udcf4\udc90\udc80\udc80'],
      ['e697', '\udce6\udc97'],
      ['f09f8e89ff', '🎉\udcff'],
      ['efbfbdff', '\ufffd\udcff'],
    ];
    for (const [hex, text] of cases) {
      assert.equal(decodeText(Buffer.from(hex, 'hex')), text);
      assert.equal(encodeText(text).toString('hex'), hex);
      assert.equal(isEscaped(text), true);
    }
  });

  it('gives any bytes back', () => {
    const likely = fc.constantFrom(0x41, 0x80, 0xbf, 0xc2, 0xe0, 0xa0, 0xed, 0x9f, 0xf0, 0x90, 0xf4, 0x8f, 0xff);
    fc.assert(
      fc.property(fc.array(fc.oneof(likely, fc.integer({ min: 0, max: 255 }))), (values) => {
        const bytes = Buffer.from(values);
        assert.deepEqual(encodeText(decodeText(bytes)), bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it('has other halves of pairs as U+FFFD, as Node', () => {
    assert.deepEqual(encodeText('a\ud800b'), Buffer.from('a\ufffdb'));
  });
});
