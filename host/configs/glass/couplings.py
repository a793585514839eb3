"""Three Sherrington-Kirkpatrick glasses of 20 spins: J normal, of variance 1/20. CPython 3.11 made glass/*.csv."""
import random

for seed in (1, 2, 3):
    normal = random.Random(seed)
    with open(f"{seed}.csv", "w") as out:
        out.write("i,j,J\n")
        for i in range(20):
            for j in range(i + 1, 20):
                out.write(f"{i},{j},{normal.gauss(0, 20 ** -0.5):.6f}\n")
