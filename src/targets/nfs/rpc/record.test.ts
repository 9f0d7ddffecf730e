// Record marking: records are found whatever the pieces in which the bytes arrive, and none is longer than is allowed.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fragmented, RecordAssembler, recordOf } from '../../../../test/nfs/scripted-server.js';
import { XdrError } from '../xdr/reader.js';
import { RecordParser } from './record.js';

const BODY = Buffer.from('000102030405060708090a0b', 'hex');

function inPieces(stream: Buffer, pieceBytes: number): Buffer[] {
  const assembler = new RecordAssembler();
  const records: Buffer[] = [];
  for (let at = 0; at < stream.length; at += pieceBytes)
    records.push(...assembler.push(stream.subarray(at, at + pieceBytes)));
  return records;
}

function mark(word: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(word);
  return bytes;
}

describe('RecordParser', () => {
  const record = recordOf((xdr) => xdr.fixed(BODY));

  it('writes one fragment, marked as the last', () => {
    assert.equal(record.toString('hex'), `8000000c${BODY.toString('hex')}`);
  });

  it('finds records in pieces of every size', () => {
    const stream = Buffer.concat([record, fragmented(record, [5]), record]);
    for (let pieceBytes = 1; pieceBytes <= stream.length; pieceBytes++)
      assert.deepEqual(inPieces(stream, pieceBytes), [BODY, BODY, BODY]);
  });

  it('puts fragments of every split together, empty ones among them', () => {
    for (let first = 0; first <= BODY.length; first++)
      for (let second = 0; second <= BODY.length - first; second++)
        for (const pieceBytes of [1, 3, 1000])
          assert.deepEqual(inPieces(fragmented(record, [first, second]), pieceBytes), [BODY]);
  });

  it('takes an empty record', () => {
    assert.deepEqual(inPieces(Buffer.concat([mark(0x80000000), record]), 2), [Buffer.alloc(0), BODY]);
  });

  it('refuses a record that is too long when its mark says so, however it is cut', () => {
    const parser = new RecordParser(100);
    assert.throws(() => parser.takeMark(mark(0x80000065), 0, 4), XdrError);
    const other = new RecordParser(100);
    other.takeMark(mark(60), 0, 4);
    other.takeBody(60);
    assert.throws(() => other.takeMark(mark(41), 0, 4), XdrError);
    assert.throws(() => new RecordParser(100).takeMark(mark(0xffffffff), 0, 4), XdrError);
  });

  it('refuses a record of empty fragments only', () => {
    const parser = new RecordParser(100);
    assert.throws(() => {
      for (let i = 0; i < 1000; i++) parser.takeMark(mark(0), 0, 4);
    }, XdrError);
  });

  it('is idle between records only', () => {
    const parser = new RecordParser(100);
    assert.equal(parser.idle, true);
    parser.takeMark(mark(0x80000001), 0, 1);
    assert.equal(parser.idle, false);
    parser.takeMark(mark(0x80000001), 1, 4);
    assert.equal(parser.inMark, false);
    parser.takeBody(1);
    assert.equal(parser.ended, true);
    parser.next();
    assert.equal(parser.idle, true);
  });
});
