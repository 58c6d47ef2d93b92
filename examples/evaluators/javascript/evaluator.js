// The component: what `wit/deps/evaluator.wit` asks for.

import { read } from "./files.js";
import { bytes, isPackage, mapOf, weigh } from "./measure.js";

const metric = (name, unit, description) => ({
  name,
  unit,
  direction: "lower-is-better",
  deterministic: true,
  description,
});

export const evaluator = {
  describe() {
    return {
      name: "bundle_weight",
      version: "0.1.0",
      summary: "The bytes of a JavaScript bundle, by module, from its source map",
      // The first is the one that is improved where the user names none.
      metrics: [
        metric("bundle_bytes", "bytes", "all of the bundle"),
        metric("package_bytes", "bytes", "what comes from node_modules"),
        metric("own_bytes", "bytes", "what comes from other files"),
        metric("largest_bytes", "bytes", "the heaviest package, or file of one's own"),
        metric("modules", "modules", "packages, and files of one's own"),
      ],
      openMetrics: false,
      parameters: [
        {
          name: "top",
          type: "integer",
          required: false,
          default: { tag: "integer", val: 5 },
          choices: [],
          description: "how many of the heaviest modules are named",
        },
      ],
      commands: [],
      usesModel: false,
    };
  },

  evaluate(request) {
    // The host has checked names and types and filled in the default.
    const parameters = Object.fromEntries(request.parameters.map(([name, value]) => [name, value.val]));
    const total = new Map();
    let all = 0;
    for (const target of request.targets) {
      const code = attempt(() => read(target));
      if (code === "") fail(`\`${target}\` is empty`);
      const name = mapOf(code) ?? fail(`\`${target}\` names no source map: build it with one, in a file`);
      const path = target.replace(/[^/]*$/, "") + name;
      const map = attempt(() => read(path));
      for (const [module, weight] of attempt(() => weigh(code, map), `\`${path}\` cannot be used`)) {
        total.set(module, (total.get(module) ?? 0) + weight);
      }
      all += bytes(code);
    }
    const heaviest = [...total].sort(([, a], [, b]) => b - a);
    const sum = (chosen) => chosen.reduce((sum, [, weight]) => sum + weight, 0);
    const packages = sum(heaviest.filter(([module]) => isPackage(module)));
    return {
      measurements: [
        { metric: "bundle_bytes", samples: [all] },
        { metric: "package_bytes", samples: [packages] },
        { metric: "own_bytes", samples: [all - packages] },
        { metric: "largest_bytes", samples: [heaviest[0]?.[1] ?? 0] },
        { metric: "modules", samples: [heaviest.length] },
      ],
      diagnostics: heaviest.slice(0, Math.max(parameters.top, 0)).map(([module, weight]) => ({
        severity: "info",
        message: `${module}: ${weight} bytes`,
      })),
    };
  },
};

/** Whatever is wrong with a target is the candidate's fault, and must be said as such. */
function fail(why) {
  throw { tag: "candidate-failed", val: why };
}

function attempt(work, what) {
  try {
    return work();
  } catch (error) {
    return fail(what ? `${what}: ${error.message}` : error.message);
  }
}
