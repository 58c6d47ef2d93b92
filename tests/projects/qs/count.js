'use strict';
// How many blocks of lib/ V8 executes for a fixed piece of work: the same number every time.
const inspector = require('inspector');
const path = require('path');

const session = new inspector.Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
// What it counts is the work since the last time.
function blocks() {
    let sum = 0;
    session.post('Profiler.takePreciseCoverage', function (error, coverage) {
        if (error) { throw new Error(error.message); }
        coverage.result.filter((script) => script.url.includes(path.join(__dirname, 'lib'))).forEach((script) => {
            script.functions.forEach((f) => f.ranges.forEach((range) => { sum += range.count; }));
        });
    });
    return sum;
}

// Only what is compiled from here on is counted by the block.
const qs = require('./');
const data = { page: 3, sort: 'name', filter: {}, tags: [] };
for (let i = 0; i < 60; i++) {
    data.filter['field' + i] = { from: 'value-' + i, to: 'A value with spaces & more: ' + i };
    data.tags.push('tag' + i);
}
blocks();
const text = qs.stringify(data);
console.log('blocks: ' + blocks());
console.log('length: ' + text.length);
