#include "device.h"

namespace kindling {

std::string to_string(Device d) {
  static const char* const names[] = {"cpu", "cuda", "meta"};
  std::string s = names[int(d.type)];
  if (d.index >= 0) s += ":" + std::to_string(d.index);
  return s;
}

const char* to_string(MemoryFormat f) {
  static const char* const names[] = {"torch.contiguous_format", "torch.preserve_format", "torch.channels_last",
                                      "torch.channels_last_3d"};
  return names[int(f)];
}

const char* to_string(Layout l) {
  static const char* const names[] = {"torch.strided",    "torch.sparse_coo", "torch.sparse_csr", "torch.sparse_csc",
                                      "torch.sparse_bsr", "torch.sparse_bsc", "torch._mkldnn",    "torch.jagged"};
  return names[int(l)];
}

}  // namespace kindling
