"""libsolv's side of the resolver's benchmark: REPO JOBS WORK."""
import gzip, json, os, sys, time
import solv

repo, jobs, work = sys.argv[1:]
cpu = lambda: time.process_time() * 1000
wall = lambda: time.monotonic() * 1000
rss = lambda: next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmRSS")) * 1024 / 1e6
out = {}

def pool():
    p = solv.Pool()
    p.setdisttype(solv.Pool.DISTTYPE_RPM)
    p.setarch("x86_64")
    return p

def ready(p):
    p.addfileprovides()
    p.createwhatprovides()

start, begun = cpu(), wall()
p = pool()
r = p.add_repo("bench")
f = solv.xfopen(os.path.join(repo, "repodata", "primary.xml.gz"))
assert r.add_rpmmd(f, None), p.errstr
f.close()
out["cold"] = {"CPU": cpu() - start, "Wall": wall() - begun, "Resident": rss()}
f = solv.xfopen(os.path.join(work, "bench.solv"), "w")
r.write(f)
f.close()
out["save"] = {"CPU": cpu() - start}
start = cpu()
ready(p)
out["ready"] = {"CPU": out["cold"]["CPU"] + cpu() - start}

start = cpu()
p = pool()
r = p.add_repo("bench")
f = solv.xfopen(os.path.join(work, "bench.solv"))
assert r.add_solv(f), p.errstr
f.close()
out["load"] = {"CPU": cpu() - start}
ready(p)
p.set_flag(solv.Pool.POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1)
times, sizes = [], []
for line in open(jobs):
    if not line.split():
        continue
    start = cpu()
    todo = []
    for name in line.split():
        todo += p.select(name, solv.Selection.SELECTION_NAME).jobs(solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_FORCEBEST)
    s = p.Solver()
    problems = s.solve(todo)
    n = 0 if problems else len(s.transaction().newsolvables())
    times.append(cpu() - start)
    sizes.append(n)
out["solve"] = {"Jobs": times, "Sizes": sizes, "Resident": rss()}
print(json.dumps(out))
