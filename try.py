import numpy as np, time, sys, random, resource
from monitors.effects.effects import Effects
from monitors.effects.observation import *
M=[f"m{i}" for i in range(12)]; D=[f"d{i}" for i in range(30)]; S=[f"s{i}" for i in range(20)]
e=Effects(M)
rng=random.Random(0)
def make(k):
    w=[.01,.05,.1,.25,.5,.05][k%6]
    return Observation(f"x{k}", rng.randbytes(16), rng.choice(S), tuple(Assignment(d, rng.random()<w, w, 1, "canary") for d in D), tuple(Score(m, v:=rng.random(), v>.95) for m in M))
obs=[make(k) for k in range(8000)]
ts=[]
for o in obs:
    t=time.perf_counter(); e.fold(o); ts.append(time.perf_counter()-t)
ts=ts[2000:]
print(np.median(ts)*1e6, np.mean(ts)*1e6, len(e.ledger._rows), e.ledger._table.nbytes/1e6)
t=time.perf_counter(); m=e.matrix(); print(time.perf_counter()-t, len(m)); print(m[0])
t=time.perf_counter(); e.look(); print('look',time.perf_counter()-t)
import pathlib
t=time.perf_counter(); e.save(pathlib.Path('/tmp/snap')); print('save',time.perf_counter()-t, pathlib.Path('/tmp/snap').stat().st_size)
e2=Effects(M); e2.load(pathlib.Path('/tmp/snap')); print(e2.matrix()==m, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1e3)
