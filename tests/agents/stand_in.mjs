// A model on loopback for real agent programs: it speaks the protocols, a scenario does the
// thinking, and so the agents edit real files with their own tools, offline and at no cost.
//
//   node stand_in.mjs SCENARIO [TARGET]
//
// Prints its address on one line and serves until it is ended. TARGET is the file to edit, by its
// path in the agent's working directory. Scenarios:
//
//   edit              read the target, write it without its last lines (one more in each session)
//   work              the same, after a command that leaves a file and tells who runs it
//   other             the same, and then change another file
//   commit            the same, and then try to commit everything
//   nothing           only text
//   judge             scores, in the form that a judging evaluator asks for; and a refusal where it
//                     is offered tools that change or run anything
//   refused           the model declines
//   rate-limited      429
//   unauthorized      401
//
// With STAND_IN_LOG, requests are appended to that file.

import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { argv, env, exit, stdout } from 'node:process';

import * as anthropic from './protocols/anthropic.mjs';
import * as gemini from './protocols/gemini.mjs';
import * as openai from './protocols/openai.mjs';

const PROTOCOLS = [anthropic, openai, gemini];
// Where a request without tools is not the one that matters.
const WITH_TOOLS = ['edit', 'work', 'other', 'commit', 'nothing'];
const OTHER = 'other.txt';

// What the model does after these results of its calls: one more call, or its last words.
const scenarios = {
  edit: (turn) => step(edit, turn),
  work: (turn) => step([measure, ...edit], turn),
  other: (turn) => step([...edit, other], turn),
  commit: (turn) => step([...edit, commit], turn),
  nothing: () => ({ text: 'The file is as short as it can be.' }),
  judge: ({ body }) => {
    const asked = JSON.stringify(body);
    // Codex keeps a tool that runs JavaScript; what that can call is in its description.
    if ((body.tools ?? []).length > 0 || asked.includes('### `exec_command`')) {
      return { refusal: 'A judge is to have no tools.' };
    }
    const form = asked.matchAll(/([0-9a-f]{32}) ([a-z_]+): SCORE/g);
    return { text: [...form].map(([, marker, criterion]) => `${marker} ${criterion}: 6.5`).join('\n') };
  },
  refused: () => ({ refusal: 'I cannot help with that.' }),
  'rate-limited': () => ({ status: 429 }),
  unauthorized: () => ({ status: 401 }),
};

function step(calls, turn) {
  const { results, session, target, isText } = turn;
  // A program without tools takes the change from the text, and has the file in its prompt.
  if (isText) return { ...rewrite(target, turn.file, session), ...describe(session) };
  return calls[results.length]?.(turn) ?? describe(session);
}

const edit = [
  ({ target }) => ({ read: target }),
  ({ target, results, session }) => rewrite(target, results.at(-1), session),
];
// Gemini CLI runs nothing with a substitution in it.
const measure = ({ target }) => ({ shell: `id -u >by-product.txt; cat by-product.txt; wc -c ${target}` });
const other = () => ({ write: OTHER, before: ['other'], after: 'not asked for\n' });
const commit = () => ({ shell: 'git commit --all --message "by the agent"' });

function rewrite(path, lines, dropped) {
  // Some programs show the end of the last line as one more line.
  const before = lines.at(-1) === '' ? lines.slice(0, -1) : lines;
  const kept = before.slice(0, Math.max(1, before.length - dropped));
  return { write: path, before, after: kept.join('\n') + '\n' };
}

function describe(session) {
  return { text: `The last lines are not needed.\n\nDescription: **drop the last ${session} lines**` };
}

const [, , name = 'edit', target = 'target.txt'] = argv;
const scenario = scenarios[name];
if (!scenario) {
  stdout.write(`no scenario ${name}; there are: ${Object.keys(scenarios).join(', ')}\n`);
  exit(2);
}

let sessions = 0;

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const path = new URL(request.url, 'http://localhost').pathname;
    const protocol = PROTOCOLS.find((protocol) => protocol.speaks(path));
    if (!protocol || request.method !== 'POST') {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"error":{"type":"not_found_error","message":"not found"}}');
      return;
    }
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}');
    if (env.STAND_IN_LOG) {
      appendFileSync(env.STAND_IN_LOG, JSON.stringify({ url: request.url, body }) + '\n');
    }
    if (protocol.counts?.(path)) {
      json(response, 200, protocol.count());
      return;
    }
    const results = protocol.results(body);
    const isText = protocol.takesText?.(body) ?? false;
    // Without tools it is an errand of the program's own, such as finding a title.
    const errand = WITH_TOOLS.includes(name) && !isText && !protocol.hasTools(body);
    if (!errand && results.length === 0) {
      sessions += 1;
    }
    const file = isText ? protocol.file(body, target) : undefined;
    const answer = errand
      ? { text: protocol.errand?.(body) ?? 'ok' }
      : scenario({ body, results, session: sessions, target, isText, file });
    if (answer.status) {
      json(response, answer.status, protocol.failure(answer.status));
    } else {
      protocol.answer(response, answer, body, path);
    }
  });
});

function json(response, status, value) {
  // Without the second header Claude Code tries ten times, for three minutes.
  response.writeHead(status, { 'content-type': 'application/json', 'x-should-retry': 'false' });
  response.end(JSON.stringify(value));
}

server.listen(0, '127.0.0.1', () => {
  stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
