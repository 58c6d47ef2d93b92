"use strict";

// What the reader did, which outlives the content of a live page.
const state = {
    open: new Set(),
    hidden: new Set(),
    words: "",
    column: null,
    order: "ascending",
};
// Of each row all its text in small letters, once it was searched.
let texts = new WeakMap();

document.documentElement.classList.add("scripted");
document.addEventListener("DOMContentLoaded", () => {
    prepare();
    reveal();
    window.addEventListener("hashchange", reveal);
    document.addEventListener("click", clicked);
    document.addEventListener("input", filtered);
    document.addEventListener("change", filtered);
    document.addEventListener("submit", (event) => event.preventDefault());
    if (main().dataset.live !== undefined) {
        follow();
    }
});

function main() {
    return document.querySelector("main");
}

function entries() {
    return document.querySelectorAll("main table > tbody[id]");
}

// Makes what only scripting can do, and applies what the reader did before.
function prepare() {
    document.querySelectorAll("th[data-sort]").forEach((header, column) => {
        wrap(header, `sort-${column}`);
        if (state.column === null && header.hasAttribute("aria-sort")) {
            state.column = header.cellIndex;
            state.order = header.getAttribute("aria-sort");
        }
    });
    for (const entry of entries()) {
        const detail = entry.querySelector("tr.detail");
        if (detail) {
            const button = wrap(entry.querySelector("th"), `open-${entry.id}`);
            button.setAttribute("aria-controls", detail.id);
            show(entry, state.open.has(entry.id));
        }
    }
    const form = document.querySelector("form.filter");
    if (form) {
        form.hidden = false;
        form.querySelector("#search").value = state.words;
        for (const box of form.querySelectorAll("[name=kind]")) {
            box.checked = !state.hidden.has(box.value);
        }
        select();
    }
    sort();
}

function wrap(cell, id) {
    const button = document.createElement("button");
    button.type = "button";
    button.id = id;
    button.append(...cell.childNodes);
    cell.append(button);
    return button;
}

function show(entry, open) {
    entry.classList.toggle("is-open", open);
    entry.querySelector("tr.detail details").open = open;
    entry.querySelector("th button").setAttribute("aria-expanded", open);
    if (open) {
        state.open.add(entry.id);
    } else {
        state.open.delete(entry.id);
    }
}

// Opens the row that the address names, whatever is filtered.
function reveal() {
    const entry = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (entry?.matches("tbody") && entry.querySelector("tr.detail")) {
        entry.hidden = false;
        show(entry, true);
        entry.scrollIntoView({ block: "start" });
    }
}

function clicked(event) {
    const header = event.target.closest("th[data-sort]");
    if (header) {
        const again = state.column === header.cellIndex && state.order === "ascending";
        state.column = header.cellIndex;
        state.order = again ? "descending" : "ascending";
        sort();
        return;
    }
    // Where it is already, going there again is no change of the address.
    if (location.hash && event.target.closest("a")?.getAttribute("href") === location.hash) {
        reveal();
    }
    const entry = event.target.closest("tr.row")?.parentElement;
    // Whoever marks text with the mouse does not mean to open anything.
    const marking = !event.target.closest("button") && String(getSelection()) !== "";
    if (entry?.querySelector("tr.detail") && !event.target.closest("a") && !marking) {
        show(entry, !entry.classList.contains("is-open"));
    }
}

function filtered(event) {
    if (event.target.id === "search") {
        state.words = event.target.value;
    } else if (event.target.name === "kind" && event.target.checked) {
        state.hidden.delete(event.target.value);
    } else if (event.target.name === "kind") {
        state.hidden.add(event.target.value);
    }
    select();
}

// Shows the entries of the chosen kinds that have all the words.
function select() {
    const words = state.words.toLowerCase().split(/\s+/).filter(Boolean);
    const all = entries();
    let shown = 0;
    for (const entry of all) {
        const fits = !state.hidden.has(entry.dataset.kind) && (words.length === 0 || has(entry, words));
        entry.hidden = !fits;
        shown += fits ? 1 : 0;
    }
    document.querySelector("#shown").textContent = shown === all.length ? "" : `${shown} of ${all.length}`;
}

function has(entry, words) {
    if (!texts.has(entry)) {
        texts.set(entry, entry.textContent.toLowerCase());
    }
    const text = texts.get(entry);
    return words.every((word) => text.includes(word));
}

function sort() {
    const headers = [...document.querySelectorAll("th[data-sort]")];
    const header = headers.find((header) => header.cellIndex === state.column);
    if (!header) {
        return;
    }
    for (const other of headers) {
        other.removeAttribute("aria-sort");
    }
    header.setAttribute("aria-sort", state.order);
    const numeric = header.dataset.sort === "number";
    const key = (entry) => {
        const cell = entry.rows[0].cells[state.column];
        if (!numeric) {
            return cell.dataset.value ?? cell.textContent.trim();
        }
        return cell.dataset.value === undefined ? NaN : Number(cell.dataset.value);
    };
    const missing = (key) => (numeric ? Number.isNaN(key) : key === "");
    const { compare } = new Intl.Collator(undefined, { numeric: true });
    const sign = state.order === "ascending" ? 1 : -1;
    const keyed = [...entries()].map((entry) => ({ entry, key: key(entry) }));
    keyed.sort((a, b) => {
        if (missing(a.key) || missing(b.key)) {
            return missing(a.key) - missing(b.key);
        }
        return sign * (numeric ? a.key - b.key : compare(a.key, b.key));
    });
    const sorted = document.createDocumentFragment();
    sorted.append(...keyed.map(({ entry }) => entry));
    header.closest("table").append(sorted);
}

// Asks again and again for what is new.
async function follow() {
    const often = 2000;
    const seldom = 10000;
    for (let failures = 0; ; ) {
        const wait = document.hidden ? seldom : Math.min(often * 2 ** failures, seldom);
        await new Promise((resolve) => setTimeout(resolve, wait));
        try {
            const version = encodeURIComponent(main().dataset.version);
            const answer = await fetch(`content?since=${version}`, { cache: "no-store" });
            if (answer.status === 200) {
                const content = await answer.text();
                main().dataset.version = answer.headers.get("x-version") ?? "";
                replace(content);
            } else if (answer.status !== 204) {
                throw new Error(`status ${answer.status}`);
            }
            failures = 0;
            say("");
        } catch {
            failures += 1;
            say("connection lost, trying again");
        }
    }
}

function say(text) {
    const place = document.getElementById("connection");
    if (place.textContent !== text) {
        place.textContent = text;
    }
}

// Puts other content in place; where the reader is and what has the focus stays.
function replace(content) {
    const focused = document.activeElement?.id;
    const { selectionStart, selectionEnd } = document.activeElement ?? {};
    const scrolled = new Map();
    for (const box of document.querySelectorAll("pre[id]")) {
        if (box.scrollTop || box.scrollLeft) {
            scrolled.set(box.id, [box.scrollLeft, box.scrollTop]);
        }
    }
    // The first row in sight stays where it is; above the table, everything does.
    const visible = [...entries()].find((entry) => !entry.hidden && entry.getBoundingClientRect().bottom > 0);
    const top = visible?.getBoundingClientRect().top ?? 0;
    const anchor = top < 0 ? visible.id : null;
    const { scrollX, scrollY } = window;

    texts = new WeakMap();
    main().innerHTML = content;
    prepare();

    for (const [id, [left, top]] of scrolled) {
        document.getElementById(id)?.scrollTo(left, top);
    }
    const again = focused && document.getElementById(focused);
    if (again) {
        again.focus({ preventScroll: true });
        if (typeof selectionStart === "number") {
            again.setSelectionRange(selectionStart, selectionEnd);
        }
    }
    const now = anchor && document.getElementById(anchor);
    window.scrollTo(scrollX, now ? window.scrollY + now.getBoundingClientRect().top - top : scrollY);
}
