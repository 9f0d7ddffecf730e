// The table of statuses: names, errno, messages, and what is not in it.
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import { DioriteError } from '../../base/errors.js';
import { nfsError, statusName, statusOf } from './status.js';

const SERVER = '127.0.0.1:12049';

describe('nfsError', () => {
  it('names the server, what was asked and the status', () => {
    const error = nfsError(2, 'LOOKUP "x"', SERVER, '/export/x', 'NFS3ERR');
    assert.ok(error instanceof DioriteError);
    assert.equal(error.message, '127.0.0.1:12049: LOOKUP "x": NFS3ERR_NOENT (2): no such file or directory');
    assert.equal(error.name, 'DioriteError');
    assert.equal(error.code, 'ENOENT');
    assert.equal(error.errno, -constants.errno.ENOENT);
    assert.equal(error.path, '/export/x');
    assert.equal(statusOf(error), 2);
    assert.equal(statusOf(new Error('other')), null);
  });

  it('gives the errno that the Linux client gives', () => {
    const expected: Readonly<Record<number, string>> = {
      1: 'EPERM',
      5: 'EIO',
      6: 'ENXIO',
      13: 'EACCES',
      17: 'EEXIST',
      18: 'EXDEV',
      20: 'ENOTDIR',
      21: 'EISDIR',
      22: 'EINVAL',
      27: 'EFBIG',
      28: 'ENOSPC',
      30: 'EROFS',
      31: 'EMLINK',
      63: 'ENAMETOOLONG',
      66: 'ENOTEMPTY',
      69: 'EDQUOT',
      70: 'ESTALE',
      71: 'EREMOTE',
      10001: 'ESTALE',
      10003: 'EBADCOOKIE',
      10004: 'ENOTSUP',
      10006: 'EREMOTEIO',
      10016: 'EPERM',
      10038: 'EBADF',
      10092: 'EINVAL',
    };
    for (const [status, code] of Object.entries(expected)) assert.equal(nfsError(Number(status), '', '').code, code);
  });

  it('has an errno number for every code, where this platform has one', { skip: process.platform !== 'linux' }, () => {
    for (let status = 1; status <= 10_096; status++) {
      const { code, errno } = nfsError(status, '', '');
      assert.ok(errno !== undefined && errno < 0, `${status}: ${code}`);
    }
  });

  it('names what v3 and v4 call by different names', () => {
    assert.equal(statusName(13, 'NFS3ERR'), 'NFS3ERR_ACCES (13)');
    assert.equal(statusName(13, 'NFS4ERR'), 'NFS4ERR_ACCESS (13)');
    assert.equal(statusName(10008, 'NFS3ERR'), 'NFS3ERR_JUKEBOX (10008)');
    assert.equal(statusName(10008), 'NFS4ERR_DELAY (10008)');
    assert.equal(statusName(13, 'MNT3ERR'), 'MNT3ERR_ACCES (13)');
  });

  it('makes EIO of what the protocol does not have', () => {
    for (const [status, family] of [
      [10011, 'NFS3ERR'],
      [3, 'NFS3ERR'],
      [4294967295, 'NFS4ERR'],
      [10052, 'MNT3ERR'],
    ] as const) {
      const error = nfsError(status, 'GETATTR', SERVER, undefined, family);
      assert.equal(error.code, 'EIO');
      assert.match(
        error.message,
        new RegExp(`${family}_\\? \\(${status}\\): a status that the protocol does not have`),
      );
    }
  });
});
