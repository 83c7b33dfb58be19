// How a view lies in its base, and how to take the same view of another tensor.
#pragma once
#include "meta.h"

namespace kindling {

// The steps from a base to one of its views: as_strided, then operators that as_strided cannot express.
struct ViewPath {
  struct Step {
    const Op* op;
    std::vector<OwnedValue> args;
    uint32_t index;
  };
  bool strided = false;
  Dims sizes, strides;
  int64_t offset = 0;  // from the base's
  std::vector<Step> steps;

  static ViewPath of(const Tensor& view);
  Tensor apply(const Tensor& base) const;
};

}  // namespace kindling
