"""dnf's side of the resolver's benchmark: REPO JOBS WORK. Its cold start
writes its caches and reads file lists, too."""
import json, os, sys, time
import dnf, dnf.exceptions

repo, jobs, work = sys.argv[1:]
cpu = lambda: time.process_time() * 1000
wall = lambda: time.monotonic() * 1000
rss = lambda: next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmRSS")) * 1024 / 1e6

def sack():
    base = dnf.Base()
    c = base.conf
    for name in ("installroot", "cachedir", "persistdir", "logdir"):
        setattr(c, name, os.path.join(work, "dnf", name))
        os.makedirs(getattr(c, name), exist_ok=True)
    c.reposdir, c.pluginpath, c.plugins, c.gpgcheck, c.best, c.metadata_expire = ["/nonexistent"], [], False, False, True, -1
    c.substitutions.update(arch="x86_64", basearch="x86_64", releasever="1")
    base.repos.add_new_repo("bench", c, baseurl=["file://" + repo])
    start, begun = cpu(), wall()
    base.fill_sack(load_system_repo=False)
    return base, {"CPU": cpu() - start, "Wall": wall() - begun, "Resident": rss()}

out = {}
first, out["cold"] = sack()
out["save"] = out["ready"] = {"CPU": out["cold"]["CPU"]}
first.close()
base, out["load"] = sack()
times, sizes = [], []
for line in open(jobs):
    if not line.split():
        continue
    base.reset(goal=True)
    start = cpu()
    n = 0
    try:
        for name in line.split():
            base.install(name)
        base.resolve(allow_erasing=False)
        n = len(base.transaction.install_set)
    except (dnf.exceptions.DepsolveError, dnf.exceptions.MarkingError):
        pass
    times.append(cpu() - start)
    sizes.append(n)
out["solve"] = {"Jobs": times, "Sizes": sizes, "Resident": rss()}
print(json.dumps(out))
