// Looks at the pages of `autoresearch results` in a browser: page.mjs EXPERIMENT DASHBOARD TRIES [PICTURE]
//
// DRIVER names the directory where playwright-core is installed, CHROMIUM the browser. Nothing is fetched from
// anywhere; what is live is served on loopback.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [experiment, dashboard, tries, picture] = process.argv.slice(2);
const { chromium } = createRequire(`${process.env.DRIVER}/`)("playwright-core");
const PHONE = { width: 390, height: 844 };
const HOSTILE = "gnorw";
let failures = 0;

function check(what, holds, found) {
    if (holds) {
        console.log(`ok    ${what}`);
    } else {
        console.log(`WRONG ${what}${found === undefined ? "" : `: ${JSON.stringify(found)}`}`);
        failures += 1;
    }
}

function equal(what, found, expected) {
    check(what, JSON.stringify(found) === JSON.stringify(expected), found);
}

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ],
});

// Opens an address in a window of its own, has `look` look at it, and expects it to keep to itself.
async function opened(label, address, options, look) {
    const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
    const page = await context.newPage();
    const said = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    page.on("dialog", (dialog) => {
        said.push(`a dialog: ${dialog.message()}`);
        dialog.dismiss();
    });
    const requests = [];
    context.on("request", (request) => requests.push(request.url()));
    await page.goto(address);
    await look(page, said);
    const own = new URL(".", address).href;
    const strange = requests.filter((url) => !url.startsWith(own) && !url.startsWith("data:"));
    equal(`${label}: it asks for nothing but itself`, strange, []);
    if (address.startsWith("file:")) {
        equal(`${label}: it is one file`, requests, [address.split("#")[0]]);
    }
    equal(`${label}: no error, no dialog`, said, []);
    await context.close();
}

const numbers = (page, column) =>
    page.$$eval(
        "table.tries > tbody:not([hidden]) > tr.row",
        (rows, column) => rows.map((row) => row.cells[column].dataset.value).map((value) => (value === undefined ? null : Number(value))),
        column,
    );
const sorted = (values, sign) => {
    const there = values.filter((value) => value !== null);
    const missing = values.filter((value) => value === null);
    return [...there.sort((a, b) => sign * (a - b)), ...missing];
};
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
const header = (page, name) => page.locator("thead th", { hasText: name }).getByRole("button");

async function lookAtAll(page) {
    equal("each try has a row", (await numbers(page, 0)).length, Number(tries));
    const words = await page.$$eval("td.verdict", (cells) => [...new Set(cells.map((cell) => cell.textContent))].sort());
    equal("there are all verdicts", words, ["crash", "discard", "keep"]);
    check("each point of the plot leads to its row", (await page.locator(".canvas a").count()) === Number(tries));
    check("there are error bars", /^M[\d.]+ /.test(await page.locator(".canvas path.interval").getAttribute("d")));
    const hostile = await page.locator("tbody", { hasText: HOSTILE }).locator(".what").textContent();
    check("markup is shown as text", hostile.includes("<script>alert(1)</script>") && hostile.includes("<img src=x"), hostile);
    check("no control or reordering character is left", !/[\u0000-\u0008\u001b\u202a-\u202e]/.test(await page.content()));
    equal("no element came in with it", await page.locator("main script, main img").count(), 0);
}

async function lookAtRow(page) {
    const entry = page.locator("#try-1");
    const text = entry.locator(".diff");
    check("a row is closed at first", !(await text.isVisible()));
    await entry.locator(".what").click();
    check("a click opens it", await text.isVisible());
    const diff = await text.textContent();
    check("it shows what changed", diff.includes("-block_kib = 4\n") && diff.includes("+block_kib = 16\n"), diff);
    equal("added lines are marked", await text.locator(".add").allTextContents(), ["+block_kib = 16\n"]);
    check("it shows the evidence", (await entry.locator(".rounds tbody tr").count()) >= 7);
    await entry.locator(".what").click();
    check("another click closes it", !(await text.isVisible()));
    const button = entry.locator("th button");
    await button.focus();
    await page.keyboard.press("Enter");
    check("the keyboard opens it too", await text.isVisible());
    equal("it is said to be open", await button.getAttribute("aria-expanded"), "true");
    await page.keyboard.press("Space");
    check("and closes it", !(await text.isVisible()));
    await page.locator('.canvas a[href="#try-2"]').click();
    check("a point of the plot opens its row", await page.locator("#try-2 .reason").isVisible());
    await page.locator("#try-2 th button").click();
    await page.locator('.canvas a[href="#try-2"]').click();
    check("also again", await page.locator("#try-2 .reason").isVisible());
}

async function lookAtTable(page) {
    for (const [name, column] of [["value", 2], ["try", 0], ["change", 3]]) {
        await header(page, name).click();
        const up = await numbers(page, column);
        equal(`a click on ${name} sorts by number`, up, sorted(up, 1));
        equal(`${name} is said to be sorted`, await page.$$eval("[aria-sort]", (all) => all.map((th) => th.ariaSort)), ["ascending"]);
        await header(page, name).focus();
        await page.keyboard.press("Enter");
        const down = await numbers(page, column);
        equal(`once more reverses it, the missing last`, down, sorted(down, -1));
        check(`${name} is in another order then`, JSON.stringify(up) !== JSON.stringify(down));
    }
    check("a row and its detail stay together", await page.$$eval("table.tries > tbody", (all) =>
        all.every((entry) => entry.rows.length === 2 && entry.rows[1].id === entry.id.replace("try", "detail"))));
    const kinds = () => page.$$eval("table.tries > tbody:not([hidden])", (all) => [...new Set(all.map((entry) => entry.dataset.kind))].sort());
    await page.locator("#show-discard").uncheck();
    equal("a verdict can be left out", await kinds(), ["crash", "keep"]);
    check("how many are shown is said", / of \d+$/.test(await page.locator("#shown").textContent()));
    await page.locator("#show-discard").check();
    await page.locator("#search").fill("BUSY enough");
    equal("all words are searched for", await numbers(page, 0), [24]);
    await page.locator("#search").press("Enter");
    equal("Enter does nothing more", await numbers(page, 0), [24]);
    await page.locator("#search").fill("no such words");
    equal("there may be no row", await numbers(page, 0), []);
    await page.locator("#search").fill("");
    equal("without words all are shown", (await numbers(page, 0)).length, Number(tries));
}

const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

async function lookAtPhone(label, address) {
    await opened(`${label} on a phone`, address, { viewport: PHONE, hasTouch: true }, async (page) => {
        equal(`${label} on a phone: it is not wider than the window`, await overflow(page), 0);
        if (label === "experiment") {
            for (const row of await page.locator("table.tries > tbody > tr.row").all()) {
                await row.click({ position: { x: 8, y: 8 } });
            }
            check("all rows are open", await page.locator("#try-1 .diff").isVisible());
            equal("nor with all rows open", await overflow(page), 0);
        }
    });
}

// A live page beside its content, which is new once, then the same, then gone.
async function lookAtLive(document) {
    const [head, rest] = document.split('<main data-version="">');
    const [content, foot] = rest.split("</main>");
    const live = `${head.replace("connect-src 'none'", "connect-src 'self'")}<main data-version="" data-live>${content}</main>${foot}`;
    const asked = [];
    let down = false;
    const server = createServer((request, response) => {
        const url = new URL(request.url, "http://localhost");
        if (url.pathname === "/") {
            response.writeHead(200, { "content-type": "text/html" }).end(live);
            return;
        }
        asked.push(url.searchParams.get("since"));
        if (down) {
            response.destroy();
        } else if (asked.at(-1) === "7 a") {
            response.writeHead(204).end();
        } else {
            const changed = content.replaceAll("read blocks of 16 KiB", "read larger blocks");
            response.writeHead(200, { "content-type": "text/html", "x-version": "7 a" }).end(changed);
        }
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${server.address().port}/`;
    await opened("live", address, {}, async (page, said) => {
        await header(page, "value").click();
        await page.locator("#show-crash").uncheck();
        await page.locator("#search").fill("block");
        await page.locator("#try-1 th button").click();
        await page.locator("#search").focus();
        await page.evaluate(() => document.querySelector("#search").setSelectionRange(1, 3));
        const before = await numbers(page, 2);
        await page.evaluate(() => window.scrollTo(0, 500));
        const place = await page.evaluate(() => window.scrollY);
        await page.getByText("read larger blocks").first().waitFor({ state: "attached" });
        check("live: new content comes", true);
        check("live: an open row stays open", await page.locator("#try-1 .diff").isVisible());
        equal("live: order and filter stay", await numbers(page, 2), before);
        equal("live: so do the words", await page.locator("#search").inputValue(), "block");
        equal(
            "live: and where the cursor is",
            await page.evaluate(() => {
                const { id, selectionStart, selectionEnd } = document.activeElement;
                return [id, selectionStart, selectionEnd];
            }),
            ["search", 1, 3],
        );
        equal("live: and the place", await page.evaluate(() => window.scrollY), place);
        await page.waitForFunction(() => performance.getEntriesByType("resource").length >= 2);
        equal("live: it names the version that it has", asked.slice(0, 2), ["", "7 a"]);
        check("live: all is well", await page.locator("#connection").isHidden());
        down = true;
        await page.getByText("connection lost, trying again").waitFor();
        check("live: a lost connection is told", true);
        down = false;
        await page.locator("#connection").waitFor({ state: "hidden" });
        check("live: and found again", true);
        // Chromium itself tells of the request that failed.
        said.splice(0, said.length, ...said.filter((text) => !text.includes("net::ERR_")));
    });
    server.close();
}

const here = pathToFileURL(experiment).href;
const all = pathToFileURL(dashboard).href;
await opened("experiment", here, {}, async (page) => {
    await lookAtAll(page);
    await lookAtRow(page);
    await lookAtTable(page);
});
await opened("an address with a try", `${here}#try-3`, {}, async (page) => {
    check("the row of the address is open", await page.locator("#try-3 .diff").isVisible());
});
await opened("dashboard", all, {}, async (page) => {
    equal("the dashboard names the experiment", await page.locator("th.name").allTextContents(), ["search"]);
    check("it draws its course", /^M0 .*H/.test(await page.locator("svg.spark path").getAttribute("d")));
    equal("it has no link in a file", await page.locator("main a").count(), 0);
});
const themes = {};
for (const colorScheme of ["light", "dark"]) {
    await opened(colorScheme, here, { colorScheme }, async (page) => {
        themes[colorScheme] = await background(page);
    });
}
check("dark is not light", themes.dark !== themes.light, themes);
await lookAtPhone("experiment", here);
await lookAtPhone("dashboard", all);
await opened("without scripting", here, { javaScriptEnabled: false }, async (page) => {
    check("without scripting: the rows can be read", await page.locator("#try-1 .what").isVisible());
    check("without scripting: there is no search", !(await page.locator("#search").isVisible()));
    await page.locator("#try-1 summary").click();
    check("without scripting: they can be opened", await page.locator("#try-1 .diff").isVisible());
});
await lookAtLive(await readFile(experiment, "utf8"));
if (picture) {
    await opened("picture", here, { colorScheme: "light", deviceScaleFactor: 1, viewport: { width: 1200, height: 1000 } }, async (page) => {
        await page.screenshot({ path: picture });
    });
}
await browser.close();
if (failures > 0) {
    console.log(`${failures} wrong`);
    process.exit(1);
}
console.log("all as it should be");
