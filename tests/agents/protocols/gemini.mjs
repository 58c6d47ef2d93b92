// The Gemini API (`generateContent`), as Gemini CLI uses it.

const USAGE = { promptTokenCount: 1200, candidatesTokenCount: 40, totalTokenCount: 1240 };

export const speaks = (path) => /:(streamG|g)enerateContent$|:countTokens$/.test(path);
export const counts = (path) => path.endsWith(':countTokens');
export const count = () => ({ totalTokens: USAGE.promptTokenCount });
export const hasTools = (body) => (body.tools ?? []).length > 0;

// Which model to take, for one, is asked for in JSON by a schema.
export function errand(body) {
  const schema = body.generationConfig?.responseJsonSchema ?? body.generationConfig?.responseSchema;
  return schema && JSON.stringify(sample(schema));
}

function sample(schema) {
  if (schema.enum) return schema.enum[0];
  const type = String(schema.type).toLowerCase();
  if (type === 'object') {
    const properties = Object.entries(schema.properties ?? {});
    return Object.fromEntries(properties.map(([key, inner]) => [key, sample(inner)]));
  }
  if (type === 'array') return [];
  return { number: 10, integer: 10, boolean: false }[type] ?? 'ok';
}

export function failure(status) {
  return {
    error: status === 429
      ? { code: 429, status: 'RESOURCE_EXHAUSTED', message: 'You exceeded your current quota' }
      : { code: 401, status: 'UNAUTHENTICATED', message: 'API key not valid. Please pass a valid API key.' },
  };
}

// The results of the calls so far, as lines.
export function results(body) {
  return body.contents
    .flatMap((content) => content.parts ?? [])
    .filter((part) => part.functionResponse)
    .map((part) => String(part.functionResponse.response?.output ?? '').trimEnd().split('\n'));
}

export function answer(response, answer, body, path) {
  const finishReason = answer.refusal ? 'PROHIBITED_CONTENT' : 'STOP';
  const reply = {
    candidates: [{ index: 0, content: { role: 'model', parts: [part(answer)] }, finishReason }],
    usageMetadata: USAGE,
    modelVersion: /models\/([^:]+)/.exec(path)?.[1],
  };
  if (path.includes(':stream')) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`data: ${JSON.stringify(reply)}\n\n`);
  } else {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(reply));
  }
}

function part(answer) {
  const call = (name, args) => ({ functionCall: { name, args } });
  if (answer.read) return call('read_file', { file_path: answer.read });
  if (answer.write) return call('write_file', { file_path: answer.write, content: answer.after });
  if (answer.shell) return call('run_shell_command', { command: answer.shell, description: 'As asked' });
  return { text: answer.refusal ?? answer.text };
}
