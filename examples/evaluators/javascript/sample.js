// node_modules/tiny-case/index.js
function kebab(text) {
  return text.replace(/([a-z0-9])([A-Z])/g, "$1-$2").replace(/[\s_]+/g, "-").toLowerCase();
}

// src/greet.js
function greet(name) {
  return `Hello, ${name}!`;
}

// src/main.js
document.body.textContent = greet(kebab(document.title));
//# sourceMappingURL=sample.js.map
