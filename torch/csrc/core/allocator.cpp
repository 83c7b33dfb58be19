// The caching allocator of the CPU.
//
// Up to kSmall bytes: bins of the thread, refilled from chunks that are never returned. Above: free lists under one lock,
// eight classes to a doubling, blocks of a megabyte and more from mmap (aligned for huge pages), others from malloc; a block
// that comes back keeps its pages, so that the next result of this size costs no page faults. What is cached is bounded: the
// block that lay unused for longest goes back to the system first.
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "error.h"
#include "storage.h"

namespace kindling::allocator {

namespace {

constexpr size_t kAlign = 64, kChunk = 256 << 10, kMapped = 1 << 20, kHuge = 2 << 20;
constexpr int kBins = 16 + 5 * 4;  // 64-byte steps up to 1 KiB, then four classes to a doubling up to 32 KiB
constexpr int kBigClasses = 8 * 40;
constexpr uint32_t kBinBytes = 1 << 20;  // what a thread's bin keeps for itself

struct FreeBlock {
  FreeBlock* next;                    // in its bin or class
  FreeBlock *before, *newer, *older;  // big blocks only
  size_t bytes;
};

struct Bin {
  FreeBlock* head;
  uint32_t count;
};

// Counters are written by their thread alone and only summed by others.
struct Local {
  Bin bins[kBins];
  int64_t in_use;
  uint64_t hits, misses;
  Local *next, *before;
};

thread_local constinit Local* local = nullptr;
thread_local constinit bool exited = false;

int bin_of(size_t n) {
  if (n <= 1024) return int((n + 63) / 64) - 1;
  const int log = std::bit_width(n - 1) - 1;  // 2^log < n <= 2^(log + 1)
  return 16 + (log - 10) * 4 + int((n - 1) >> (log - 2) & 3);
}

size_t bin_bytes(int bin) {
  if (bin < 16) return size_t(bin + 1) * 64;
  const int log = 10 + (bin - 16) / 4;
  return (size_t(1) << log) + (size_t((bin - 16) % 4 + 1) << (log - 2));
}

int class_of(size_t n) {
  const int log = std::bit_width(n - 1) - 1;
  return (log - 15) * 8 + int((n - 1) >> (log - 3) & 7);
}

size_t class_bytes(int c) {
  const int log = 15 + c / 8;
  return (size_t(1) << log) + (size_t(c % 8 + 1) << (log - 3));
}

// What all threads share.
struct Central {
  std::mutex lock;
  Bin bins[kBins] = {};
  char *chunk = nullptr, *chunk_end = nullptr;
  FreeBlock* classes[kBigClasses] = {};
  FreeBlock *newest = nullptr, *oldest = nullptr;
  size_t cached = 0, in_use = 0, peak = 0, limit;
  uint64_t hits = 0, misses = 0;
  Local* locals = nullptr;
  int64_t retired_in_use = 0;
  uint64_t retired_hits = 0, retired_misses = 0;

  Central() {
    const size_t memory = size_t(sysconf(_SC_PHYS_PAGES)) * size_t(sysconf(_SC_PAGESIZE));
    limit = memory / 4;
    pthread_atfork([] { central().lock.lock(); }, [] { central().lock.unlock(); }, [] { central().lock.unlock(); });
  }
  static Central& central() {
    static Central* c = new Central;  // outlives every static and thread that frees late
    return *c;
  }
};

[[noreturn]] void out_of_memory(size_t nbytes) {
  fail(ErrorKind::Runtime, "[enforce fail at allocator.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate ",
       nbytes, " bytes. Error code 12 (Cannot allocate memory)");
}

char* map_pages(size_t bytes) {
  const size_t extra = bytes >= kHuge ? kHuge : 0;
  void* p = mmap(nullptr, bytes + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  char* at = static_cast<char*>(p);
  if (!extra) return at;
  char* aligned = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(at) + kHuge - 1) & ~(kHuge - 1));
  if (aligned != at) munmap(at, size_t(aligned - at));
  if (char *end = aligned + bytes, *all = at + bytes + extra; end != all) munmap(end, size_t(all - end));
  madvise(aligned, bytes, MADV_HUGEPAGE);
  return aligned;
}

void* system_allocate(size_t bytes) {
  return bytes >= kMapped ? map_pages(bytes) : std::aligned_alloc(kAlign, (bytes + kAlign - 1) & ~(kAlign - 1));
}

void system_free(void* p, size_t bytes) {
  if (bytes >= kMapped) munmap(p, bytes);
  else std::free(p);
}

// ---- big blocks; the lock is held ----

void unlink(Central& c, FreeBlock* b) {
  (b->before ? b->before->next : c.classes[class_of(b->bytes)]) = b->next;
  if (b->next) b->next->before = b->before;
  (b->newer ? b->newer->older : c.newest) = b->older;
  (b->older ? b->older->newer : c.oldest) = b->newer;
  c.cached -= b->bytes;
}

void link(Central& c, FreeBlock* b, size_t bytes) {
  FreeBlock*& head = c.classes[class_of(bytes)];
  *b = {head, nullptr, nullptr, c.newest, bytes};
  if (head) head->before = b;
  head = b;
  (c.newest ? c.newest->newer : c.oldest) = b;
  c.newest = b;
  c.cached += bytes;
}

void evict(Central& c, size_t limit) {
  while (c.cached > limit) {
    FreeBlock* b = c.oldest;
    const size_t bytes = b->bytes;
    unlink(c, b);
    system_free(b, bytes);
  }
}

void* allocate_big(size_t nbytes) {
  if (nbytes >> 50) out_of_memory(nbytes);
  const int k = class_of(nbytes);
  const size_t bytes = class_bytes(k);
  Central& c = Central::central();
  std::unique_lock hold(c.lock);
  c.in_use += bytes;
  c.peak = std::max(c.peak, c.in_use);
  if (FreeBlock* b = c.classes[k]) {
    unlink(c, b);
    c.hits++;
    return b;
  }
  c.misses++;
  hold.unlock();
  if (void* p = system_allocate(bytes)) return p;
  hold.lock();
  evict(c, 0);
  hold.unlock();
  if (void* p = system_allocate(bytes)) return p;
  hold.lock();
  c.in_use -= bytes;
  hold.unlock();
  out_of_memory(nbytes);
}

void free_big(void* p, size_t nbytes) {
  const size_t bytes = class_bytes(class_of(nbytes));
  Central& c = Central::central();
  std::lock_guard hold(c.lock);
  c.in_use -= bytes;
  if (bytes > c.limit / 2) return system_free(p, bytes);
  link(c, static_cast<FreeBlock*>(p), bytes);
  evict(c, c.limit);
}

// ---- small blocks ----

void give_to_central(Central& c, Bin& bin, int k, uint32_t keep) {
  while (bin.count > keep) {
    FreeBlock* b = bin.head;
    bin.head = b->next;
    bin.count--;
    b->next = c.bins[k].head;
    c.bins[k] = {b, c.bins[k].count + 1};
  }
}

// When its thread ends, a Local's blocks go to the others.
struct LocalOwner {
  ~LocalOwner() {
    exited = true;
    Local* l = std::exchange(local, nullptr);
    if (!l) return;
    Central& c = Central::central();
    std::lock_guard hold(c.lock);
    for (int k = 0; k < kBins; k++) give_to_central(c, l->bins[k], k, 0);
    c.retired_in_use += l->in_use;
    c.retired_hits += l->hits;
    c.retired_misses += l->misses;
    (l->before ? l->before->next : c.locals) = l->next;
    if (l->next) l->next->before = l->before;
    delete l;
  }
};

Local* make_local(Central& c) {
  if (exited) return nullptr;
  static thread_local LocalOwner owner;
  (void)owner;
  local = new Local{};
  std::lock_guard hold(c.lock);
  local->next = c.locals;
  if (c.locals) c.locals->before = local;
  c.locals = local;
  return local;
}

FreeBlock* carve(Central& c, size_t bytes) {
  if (size_t(c.chunk_end - c.chunk) < bytes) {
    c.chunk = static_cast<char*>(std::aligned_alloc(kAlign, kChunk));
    if (!c.chunk) {
      c.chunk_end = nullptr;
      return nullptr;
    }
    c.chunk_end = c.chunk + kChunk;
  }
  return reinterpret_cast<FreeBlock*>(std::exchange(c.chunk, c.chunk + bytes));
}

FreeBlock* take_central(Central& c, int k) {
  Bin& shared = c.bins[k];
  if (!shared.head) return carve(c, bin_bytes(k));
  FreeBlock* b = shared.head;
  shared = {b->next, shared.count - 1};
  return b;
}

// A batch for the thread, one of which is returned.
[[gnu::noinline]] void* refill(int k) {
  Central& c = Central::central();
  Local* l = local ? local : make_local(c);
  const size_t bytes = bin_bytes(k);
  std::lock_guard hold(c.lock);
  FreeBlock* first = take_central(c, k);
  if (!first) out_of_memory(bytes);
  if (!l) return first;
  l->misses++;
  l->in_use += int64_t(bytes);
  for (size_t n = std::min<size_t>(16, 8192 / bytes); n > 1; n--) {
    FreeBlock* b = take_central(c, k);
    if (!b) break;
    b->next = l->bins[k].head;
    l->bins[k] = {b, l->bins[k].count + 1};
  }
  return first;
}

[[gnu::noinline]] void free_slow(void* p, int k) {
  Central& c = Central::central();
  Local* l = local ? local : make_local(c);
  FreeBlock* b = static_cast<FreeBlock*>(p);
  std::lock_guard hold(c.lock);
  if (!l) {
    b->next = c.bins[k].head;
    c.bins[k] = {b, c.bins[k].count + 1};
    return;
  }
  l->in_use -= int64_t(bin_bytes(k));
  b->next = l->bins[k].head;
  l->bins[k] = {b, l->bins[k].count + 1};
  give_to_central(c, l->bins[k], k, l->bins[k].count / 2);
}

// ---- guard pages ----

enum class Guard { Unknown, Off, End, Front };
Guard guard = Guard::Unknown;
bool ever_guarded = false;

struct Guarded {
  std::mutex lock;
  std::unordered_map<void*, char*> maps;  // block -> start of its mapping
  static Guarded& instance() {
    static Guarded* g = new Guarded;
    return *g;
  }
};

Guard guard_from_environment() {
  const char* v = std::getenv("KINDLING_GUARD_PAGES");
  guard = !v || !*v || !std::strcmp(v, "0") ? Guard::Off : !std::strcmp(v, "front") ? Guard::Front : Guard::End;
  ever_guarded |= guard != Guard::Off;
  return guard;
}

size_t pages_of(size_t nbytes) {
  const size_t page = size_t(sysconf(_SC_PAGESIZE));
  return (nbytes + page - 1) / page * page;
}

// The block ends where the upper guard page begins (End), or begins where the lower one ends (Front).
void* allocate_guarded(size_t nbytes) {
  const size_t page = size_t(sysconf(_SC_PAGESIZE)), body = pages_of(nbytes);
  void* map = mmap(nullptr, body + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) out_of_memory(nbytes);
  char* start = static_cast<char*>(map);
  if (mprotect(start + page, body, PROT_READ | PROT_WRITE)) out_of_memory(nbytes);
  void* p = start + page + (guard == Guard::Front ? 0 : body - nbytes);
  Guarded& g = Guarded::instance();
  std::lock_guard hold(g.lock);
  g.maps[p] = start;
  return p;
}

bool free_guarded(void* p, size_t nbytes) {
  Guarded& g = Guarded::instance();
  std::lock_guard hold(g.lock);
  const auto it = g.maps.find(p);
  if (it == g.maps.end()) return false;
  munmap(it->second, pages_of(nbytes) + 2 * size_t(sysconf(_SC_PAGESIZE)));
  g.maps.erase(it);
  return true;
}

}  // namespace

void* allocate_object(size_t nbytes) {
  const int k = bin_of(nbytes);
  Local* l = local;
  if (__builtin_expect(!l || !l->bins[k].head, 0)) return refill(k);
  Bin& bin = l->bins[k];
  FreeBlock* b = bin.head;
  bin = {b->next, bin.count - 1};
  l->hits++;
  l->in_use += int64_t(bin_bytes(k));
  return b;
}

void free_object(void* p, size_t nbytes) {
  const int k = bin_of(nbytes);
  Local* l = local;
  if (__builtin_expect(!l || (l->bins[k].count + 1) * bin_bytes(k) > kBinBytes, 0)) return free_slow(p, k);
  Bin& bin = l->bins[k];
  FreeBlock* b = static_cast<FreeBlock*>(p);
  b->next = bin.head;
  bin = {b, bin.count + 1};
  l->in_use -= int64_t(bin_bytes(k));
}

void* allocate(size_t nbytes) {
  if (nbytes == 0) return nullptr;
  if (__builtin_expect(guard != Guard::Off, 0) && (guard != Guard::Unknown || guard_from_environment() != Guard::Off))
    return allocate_guarded(nbytes);
  return nbytes <= kSmall ? allocate_object(nbytes) : allocate_big(nbytes);
}

void free(void* p, size_t nbytes) {
  if (!p) return;
  if (__builtin_expect(ever_guarded, 0) && free_guarded(p, nbytes)) return;
  if (nbytes <= kSmall) free_object(p, nbytes);
  else free_big(p, nbytes);
}

void trim() {
  Central& c = Central::central();
  std::lock_guard hold(c.lock);
  evict(c, 0);
}

Stats stats() {
  Central& c = Central::central();
  std::lock_guard hold(c.lock);
  int64_t small = c.retired_in_use;
  Stats s{0, c.cached, 0, c.hits + c.retired_hits, c.misses + c.retired_misses};
  for (const Local* l = c.locals; l; l = l->next) {
    small += l->in_use;
    s.hits += l->hits;
    s.misses += l->misses;
  }
  s.in_use = c.in_use + size_t(small);
  s.peak = std::max(c.peak, s.in_use);
  return s;
}

void set_guard_pages(bool on) {
  guard = on ? Guard::End : Guard::Off;
  ever_guarded |= on;
}

}  // namespace kindling::allocator
