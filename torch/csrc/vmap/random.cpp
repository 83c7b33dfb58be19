// Random operators: the randomness of the vmap says whether examples draw the same numbers.
#include "../core/generator.h"
#include "../dispatch/state.h"
#include "rules.h"

namespace kindling {

namespace {

Generator& generator_of(const VmapCall& c) {
  for (int i = 0; i < c.op.nargs; i++)
    if (c.args[i].tag == Tag::Generator) return *c.args[i].generator();
  return default_generator();
}

// Each example draws what the first one drew.
void same_for_all(VmapCall& c) {
  if (!c.any_batched()) {
    BelowLevel below(c.level);
    return call(c.op, c.args, c.rets);
  }
  Generator& g = generator_of(c);
  char start[Generator::kStateBytes];
  g.get_state(start);
  loop_examples(c, [&] { g.set_state(start, Generator::kStateBytes); });
}

bool makes_from_sizes(const VmapCall& c) {
  for (int i = 0; i < c.op.nargs; i++)
    if (c.args[i].is_tensor()) return false;
  return true;
}

}  // namespace

void vmap_random(VmapCall& c) {
  switch (vmap_levels()[size_t(c.level) - 1].randomness) {
    case Randomness::Error:
      fail(ErrorKind::Runtime,
           "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' randomness "
           "flags on vmap or perform the randomness operation out of vmap");
    case Randomness::Same: return same_for_all(c);
    default: break;
  }
  KD_CHECK(
      !c.op.inplace || c.batched(0), Runtime,
      "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear like same randomness. If this "
      "is necessary for your usage, please file an issue with functorch.");
  std::string_view name = c.op.name;
  if (name == "randperm") return vmap_loop(c);
  if (makes_from_sizes(c)) return vmap_shift(c);
  SmallVec<Value, 8> args(std::span<const Value>(c.args, c.op.nargs));
  std::vector<Tensor> kept;
  if (!c.any_batched())  // every example draws for itself
    for (Value& v : args)
      if (v.is_tensor()) {
        kept.push_back(c.wrap(c.spread(v.tensor())));
        v = Value(kept.back());
      }
  VmapCall inner{c.op, args.data(), c.rets, c.level, c.batch};
  if (name == "multinomial") vmap_merge_items(inner, 1);
  else vmap_broadcast(inner);
}

}  // namespace kindling
