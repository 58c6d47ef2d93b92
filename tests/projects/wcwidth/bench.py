from wcwidth import wcswidth

LINES = [
    'The quick brown fox jumps over the lazy dog, line %d of a log that is mostly ASCII' % i
    for i in range(400)
] + ['コンニチハ, セカイ! %d' % i for i in range(40)]

total = sum(wcswidth(line) for _ in range(12) for line in LINES)
assert total == 12 * sum(len(x) for x in LINES[:400]) + 12 * sum(len(x) + 8 for x in LINES[400:]), total
