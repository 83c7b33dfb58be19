#pragma once
#include <cstdint>
#include <string>

namespace kindling {

enum class DeviceType : int8_t { cpu = 0, cuda = 1, meta = 2 };
enum class Layout : uint8_t { strided, sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc, mkldnn, jagged };
enum class MemoryFormat : uint8_t { contiguous, preserve, channels_last, channels_last_3d };

struct Device {
  DeviceType type = DeviceType::cpu;
  int8_t index = -1;  // -1: the current one
  bool operator==(const Device&) const = default;
};
std::string to_string(Device d);  // "cpu", "cuda:0"
const char* to_string(MemoryFormat f);
const char* to_string(Layout l);

}  // namespace kindling
