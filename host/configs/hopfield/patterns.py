"""A Hopfield network of 100 spins with two orthogonal patterns: J_ij = (a_i a_j + b_i b_j) / 100. CPython 3.11 made edges.csv.

python patterns.py < draws.csv counts the rows of `sample` that are nearest to a, -a, b, -b."""
import random
import sys

order = random.Random(1)
a = [order.choice((-1, 1)) for _ in range(100)]
b = [x if i < 50 else -x for i, x in enumerate(a)]

if sys.stdin.isatty() or len(sys.argv) > 1:
    with open("edges.csv", "w") as out:
        out.write("i,j,J\n")
        for i in range(100):
            for j in range(i + 1, 100):
                if a[i] * a[j] + b[i] * b[j]:
                    out.write(f"{i},{j},{(a[i] * a[j] + b[i] * b[j]) / 100}\n")
else:
    counts = {"a": 0, "-a": 0, "b": 0, "-b": 0}
    for line in sys.stdin:
        row = [float(x) for x in line.split(",")]
        overlaps = {name: sign * sum(p * x for p, x in zip(pattern, row))
                    for name, pattern in (("a", a), ("b", b)) for sign, name in ((1, name), (-1, "-" + name))}
        counts[max(overlaps, key=overlaps.get)] += 1
    total = sum(counts.values())
    print(*(f"{name} {n / total:.4f}" for name, n in counts.items()))
