import random

import textdistance

random.seed(1)
left = ''.join(random.choice('abcd') for _ in range(500))
right = ''.join(random.choice('abcd') for _ in range(500))
assert textdistance.DamerauLevenshtein(external=False)(left, right) == 261
