#include "threads.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "../core/error.h"

namespace kindling {

namespace {

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

void futex_wait(std::atomic<uint32_t>& word, uint32_t value) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}
void futex_wake(std::atomic<uint32_t>& word, int n) { syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, n, nullptr, nullptr, 0); }

// An empty pass of the waiting loop takes some 20 ns; a wake-up through the kernel some 10 us.
constexpr int kSpins = 600;

struct Job {
  int64_t begin, end, chunk, chunks;
  threads::Body body;
  void* context;
};

struct Pool {
  std::mutex caller;  // one job at a time; who finds it taken works inline
  Job job{};
  alignas(64) std::atomic<int64_t> next{0};
  alignas(64) std::atomic<bool> open{false};
  std::atomic<int> inside{0};  // workers that may look at `job`
  alignas(64) std::atomic<uint32_t> bell{0};
  std::atomic<int> sleepers{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;
  std::atomic<int> wanted{1};  // threads, with the caller
  int started = 0;             // workers
};

thread_local constinit bool working = false;
std::atomic<Pool*> the_pool{nullptr};

int default_threads() {
  for (const char* name : {"KINDLING_NUM_THREADS", "OMP_NUM_THREADS"})
    if (const char* v = std::getenv(name))
      if (const int n = std::atoi(v); n > 0) return n;
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) ? 1 : std::max(1, CPU_COUNT(&set));
}

// A forked child has none of the threads: it begins with a new pool, which keeps the number.
void after_fork() {
  Pool* fresh = new Pool;
  fresh->wanted = the_pool.load()->wanted.load();
  the_pool = fresh;
  working = false;
}

Pool& pool() {
  if (Pool* p = the_pool.load(std::memory_order_acquire)) return *p;
  static std::once_flag once;
  std::call_once(once, [] {
    Pool* p = new Pool;  // workers outlive statics
    p->wanted = default_threads();
    the_pool = p;
    pthread_atfork(nullptr, nullptr, after_fork);
  });
  return *the_pool.load();
}

void take_chunks(Pool& p) {
  const Job job = p.job;
  for (int64_t c; (c = p.next.fetch_add(1, std::memory_order_relaxed)) < job.chunks;) {
    const int64_t b = job.begin + c * job.chunk, e = std::min(b + job.chunk, job.end);
    try {
      job.body(job.context, b, e);
    } catch (...) {
      if (!p.failed.exchange(true)) p.error = std::current_exception();
      p.next.store(job.chunks, std::memory_order_relaxed);
    }
  }
}

// `inside` is raised before `open` is read, and the caller lowers `open` before it reads `inside`: so a worker sees either a
// closed job, or one that its caller waits for.
void work(Pool& p, int index) {
  working = true;
  uint32_t heard = p.bell.load();
  for (;;) {
    int spins = 0;
    while (p.bell.load(std::memory_order_relaxed) == heard && spins++ < kSpins) pause();
    if (p.bell.load() == heard) {
      p.sleepers.fetch_add(1);
      futex_wait(p.bell, heard);
      p.sleepers.fetch_sub(1);
    }
    heard = p.bell.load();
    if (index >= p.wanted.load(std::memory_order_relaxed)) continue;
    p.inside.fetch_add(1);
    if (p.open.load()) take_chunks(p);
    p.inside.fetch_sub(1);
  }
}

void start_workers(Pool& p) {
  for (const int n = p.wanted.load() - 1; p.started < n; p.started++) {
    try {
      std::thread(work, std::ref(p), p.started + 1).detach();
    } catch (const std::system_error&) {
      return;  // the caller does their share
    }
  }
}

}  // namespace

int get_num_threads() { return pool().wanted.load(std::memory_order_relaxed); }

void set_num_threads(int n) {
  KD_CHECK(n > 0, Runtime, "Expected positive number of threads");
  pool().wanted = n;
}

bool in_parallel_region() { return working; }

void threads::run(int64_t begin, int64_t end, int64_t grain, Body body, void* context) {
  Pool& p = pool();
  std::unique_lock hold(p.caller, std::try_to_lock);
  if (!hold) return body(context, begin, end);
  start_workers(p);
  const int64_t n = end - begin, parts = std::min((n + grain - 1) / grain, int64_t(p.wanted) * 4);
  const int64_t chunk = ((n + parts - 1) / parts + grain - 1) / grain * grain;
  p.job = {begin, end, chunk, (n + chunk - 1) / chunk, body, context};
  p.failed = false;
  p.next.store(0);
  p.open.store(true);
  p.bell.fetch_add(1);
  if (p.sleepers.load()) futex_wake(p.bell, int(std::min<int64_t>(p.job.chunks, p.wanted) - 1));
  working = true;
  take_chunks(p);
  working = false;
  p.open.store(false);
  for (int spins = 0; p.inside.load();) {
    if (++spins < 4000) pause();
    else sched_yield();
  }
  if (p.failed) std::rethrow_exception(std::exchange(p.error, nullptr));
}

}  // namespace kindling
