// CRC-32 as zip files have it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace kindling {

// The checksum of `size` bytes that follow bytes of checksum `before` (0 at the start).
uint32_t crc32(const void* data, size_t size, uint32_t before = 0);

}  // namespace kindling
