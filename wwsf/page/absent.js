// Served in place of the bundle where it could not be made.
'use strict';
document.getElementById('absent').hidden = false;
document.getElementById('client').hidden = true;
