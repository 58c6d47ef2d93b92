'use strict';
const table = require('./');

const rows = [];
for (let i = 0; i < 4000; i++) {
    rows.push([i, 'name' + i, i * 37 % 1001 + '.' + i % 10, 'a longer description of ' + i, i % 2 ? 'yes' : 'no', 'x'.repeat(i % 40)]);
}
let length = 0;
for (let n = 0; n < 8; n++) {
    length += table(rows, { align: ['r', 'l', 'r', 'l', 'c', 'l'] }).length;
}
if (length !== 8 * table(rows, { align: ['r', 'l', 'r', 'l', 'c', 'l'] }).length) { throw new Error('not the same'); }
