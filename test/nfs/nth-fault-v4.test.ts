// NFSv4.1 with something wrong at each of its messages, one at a time.
import { nthFaultSuite } from './nth/suite.js';

nthFaultSuite('4.1');
