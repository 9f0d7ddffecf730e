// What the browser runs: the programs that its address asks for. The result goes into the page, where --dump-dom finds it.
import { runPrograms } from './programs.js';

/** The library's types leave the DOM's out. */
declare const location: { readonly search: string };
declare const document: { readonly body: { textContent: string } };

function outcome(): unknown {
  const asked = new URLSearchParams(location.search);
  try {
    return runPrograms(Number(asked.get('seed')), Number(asked.get('count')));
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

// Nothing in it needs escaping in HTML.
document.body.textContent = `result ${encodeURIComponent(JSON.stringify(outcome()))} end`;
