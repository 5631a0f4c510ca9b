// The page of the WWSF: asks for a user's IMS identities, shows them, and keeps them in the
// browser for the next visit (TS 23.228 U.2.1.2, first paragraph).
'use strict';

const $ = (id) => document.getElementById(id);
const KEY = 'imsrig.identities';

function show(found) {
  $('impi').textContent = found.impi;
  $('impu').replaceChildren(...found.impu.map((uri) => {
    const item = document.createElement('li');
    item.textContent = uri;
    return item;
  }));
  $('domain').textContent = found.domain;
  $('edge').textContent = found.edge;
  $('identities').hidden = false;
}

async function ask(user) {
  $('status').textContent = 'Asking …';
  $('identities').hidden = true;
  const answer = await fetch('/identities?user=' + encodeURIComponent(user));
  if (answer.status === 404) {
    $('status').textContent = `No identities are known here for “${user}”.`;
    return;
  }
  if (!answer.ok) throw new Error(`the WWSF answered ${answer.status}`);
  const found = await answer.json();
  localStorage.setItem(KEY, JSON.stringify({ user, ...found }));
  $('status').textContent = `Identities of ${user}, kept in this browser.`;
  show(found);
}

$('who').addEventListener('submit', (event) => {
  event.preventDefault();
  ask($('user').value.trim()).catch((error) => {
    $('status').textContent = `That did not work: ${error.message}.`;
  });
});

try {
  const kept = JSON.parse(localStorage.getItem(KEY));
  if (kept) {
    $('user').value = kept.user;
    $('status').textContent = `Identities of ${kept.user}, from this browser’s storage.`;
    show(kept);
  }
} catch {
  localStorage.removeItem(KEY);
}
