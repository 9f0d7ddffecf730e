// Makes the memory layer's pages the ones that iterators use when they are given none. Imported for its effect.
import { setHostPages } from '../iter/host-pages.js';
import { hostPages } from './pages.js';

setHostPages(hostPages());
