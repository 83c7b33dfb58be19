// im2col and col2im: sliding patches of an image as columns, and back.
#include "indexing.h"
#include "kernels.h"

namespace kindling {

using namespace indexing;

namespace {

struct Patches {
  int64_t kernel[2], dilation[2], padding[2], stride[2], image[2], places[2];

  Patches(IntList k, IntList d, IntList p, IntList s, int64_t height, int64_t width, const char* name) : image{height, width} {
    auto two = [&](IntList v, const char* what, int64_t* out) {
      KD_CHECK(v.size() == 2, Runtime, "It is expected ", what, " equals to 2, but got size ", v.size());
      out[0] = v[0];
      out[1] = v[1];
    };
    two(k, "kernel_size", kernel);
    two(d, "dilation", dilation);
    two(p, "padding", padding);
    two(s, "stride", stride);
    for (int i = 0; i < 2; i++) {
      KD_CHECK(kernel[i] > 0, Runtime, "kernel size should be greater than zero, but got kernel_height: ", kernel[0],
               " kernel_width: ", kernel[1]);
      KD_CHECK(dilation[i] > 0, Runtime, "dilation should be greater than zero, but got dilation_height: ", dilation[0],
               " dilation_width: ", dilation[1]);
      KD_CHECK(padding[i] >= 0, Runtime, "padding should be non-negative, but got pad_height: ", padding[0],
               " pad_width: ", padding[1]);
      KD_CHECK(stride[i] > 0, Runtime, "stride should be greater than zero, but got stride_height: ", stride[0],
               " stride_width: ", stride[1]);
    }
    for (int i = 0; i < 2; i++) {
      places[i] = (image[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i] + 1;
      KD_CHECK(image[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1 >= 0, Runtime, name, ": Given an image of size (",
               height, ", ", width, "), kernel_size=(", kernel[0], ", ", kernel[1], "), dilation=(", dilation[0], ", ",
               dilation[1], "), padding=(", padding[0], ", ", padding[1],
               "), the array of sliding blocks would have a size that is too small (non-positive)");
    }
  }
  int64_t count() const { return places[0] * places[1]; }

  // fn(place in the image, place in the columns) for one channel's kernel rows; -1 outside of the image
  template <class F>
  void each(F fn) const {
    int64_t column = 0;
    for (int64_t a = 0; a < kernel[0]; a++)
      for (int64_t b = 0; b < kernel[1]; b++)
        for (int64_t i = 0; i < places[0]; i++) {
          const int64_t y = i * stride[0] - padding[0] + a * dilation[0];
          for (int64_t j = 0; j < places[1]; j++, column++) {
            const int64_t x = j * stride[1] - padding[1] + b * dilation[1];
            const bool inside = y >= 0 && y < image[0] && x >= 0 && x < image[1];
            fn(inside ? y * image[1] + x : -1, column);
          }
        }
  }
};

}  // namespace

namespace kernels {

Tensor im2col(const Tensor& self_, IntList kernel_size, IntList dilation, IntList padding, IntList stride) {
  const int64_t nd = self_.dim();
  bool valid = nd == 3 || nd == 4;
  for (int64_t d = nd == 4 ? 1 : 0; valid && d < nd; d++) valid = self_.sizes()[d] > 0;
  KD_CHECK(valid, Runtime,
           "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: ",
           self_.sizes());
  const IntList s = self_.sizes().last(3);
  const Patches p(kernel_size, dilation, padding, stride, s[1], s[2], "im2col");
  const int64_t rows = s[0] * p.kernel[0] * p.kernel[1];
  Tensor result = empty(nd == 4 ? Dims{self_.sizes()[0], rows, p.count()} : Dims{rows, p.count()}, self_.options());
  if (result.is_meta() || result.numel() == 0) return result;
  const Tensor self = dense(self_);
  const int64_t planes = self.numel() / (s[1] * s[2]), width = result.numel() / planes;
  visit_width(self.itemsize(), [&]<class T>(Of<T>) {
    parallel_for(0, planes, std::max<int64_t>(1, kWork / width), [&](int64_t from, int64_t to) {
      for (int64_t n = from; n < to; n++) {
        const T* in = self.data<T>() + n * s[1] * s[2];
        T* out = result.data<T>() + n * width;
        p.each([&](int64_t i, int64_t o) { out[o] = i < 0 ? T{} : in[i]; });
      }
    });
  });
  return result;
}

Tensor col2im(const Tensor& self_, IntList output_size, IntList kernel_size, IntList dilation, IntList padding, IntList stride) {
  const int64_t nd = self_.dim();
  KD_CHECK(output_size.size() == 2, Runtime, "It is expected output_size equals to 2, but got size ", output_size.size());
  KD_CHECK(
      (nd == 2 || nd == 3) && self_.sizes()[nd - 2] > 0 && self_.sizes()[nd - 1] > 0, Runtime,
      "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: ",
      self_.sizes());
  const Patches p(kernel_size, dilation, padding, stride, output_size[0], output_size[1], "col2im");
  const int64_t area = p.kernel[0] * p.kernel[1], rows = self_.sizes()[nd - 2], columns = self_.sizes()[nd - 1];
  KD_CHECK(rows % area == 0, Runtime,
           "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)=", rows,
           " and kernel_size=(", p.kernel[0], ", ", p.kernel[1], ").");
  KD_CHECK(columns == p.count(), Runtime, "Given output_size=(", p.image[0], ", ", p.image[1], "), kernel_size=(", p.kernel[0],
           ", ", p.kernel[1], "), dilation=(", p.dilation[0], ", ", p.dilation[1], "), padding=(", p.padding[0], ", ",
           p.padding[1], "), stride=(", p.stride[0], ", ", p.stride[1],
           "), expected size of input's dimension 2 to match the calculated number of sliding blocks ", p.places[0], " * ",
           p.places[1], " = ", p.count(), ", but got input.size(2)=", columns, ".");
  const Dims sizes =
      nd == 3 ? Dims{self_.sizes()[0], rows / area, p.image[0], p.image[1]} : Dims{rows / area, p.image[0], p.image[1]};
  Tensor result = ops::zeros(sizes, self_.dtype(), std::nullopt, self_.device(), std::nullopt);
  if (result.is_meta() || self_.numel() == 0) return result;
  const Tensor self = dense(self_);
  const int64_t plane = p.image[0] * p.image[1], planes = result.numel() / plane, width = self.numel() / planes;
  visit<kAnyT>(self.dtype(), "col2im", [&]<class T>(Of<T>) {
    parallel_for(0, planes, std::max<int64_t>(1, kWork / width), [&](int64_t from, int64_t to) {
      for (int64_t n = from; n < to; n++) {
        const T* in = self.data<T>() + n * width;
        T* out = result.data<T>() + n * plane;
        p.each([&](int64_t i, int64_t o) {
          if (i >= 0) Add()(out[i], in[o]);
        });
      }
    });
  });
  return result;
}

}  // namespace kernels
}  // namespace kindling
