// Cases of RADOS: what is measured beside Ceph's own tools.
import type { Case } from '../harness.js';
import { crushCase } from '../rados/crush.js';
import { objectCases } from '../rados/objects.js';
import { stripedCopyCase } from '../rados/striped-copy.js';

export const radosCases: readonly Case[] = [...objectCases, stripedCopyCase, crushCase];
