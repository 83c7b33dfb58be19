// Scaled dot-product attention in blocks: softmax(q k' * scale + mask) v without ever holding the whole matrix of weights
// (Dao et al., FlashAttention, 2022). Each row keeps its running maximum and sum; backward recomputes the weights.
#include "attention.h"

#include <algorithm>
#include <cmath>

#include "dispatch.h"
#include "gemm.h"
#include "kernel_table.h"
#include "kernels.h"
#include "scratch.h"
#include "threads.h"

namespace kindling {

extern const AttentionKernels<float> kAttentionGenericF;
extern const AttentionKernels<double> kAttentionGenericD;
#if defined(__x86_64__)
extern const AttentionKernels<float> kAttentionAvx2F, kAttentionAvx512F;
extern const AttentionKernels<double> kAttentionAvx2D, kAttentionAvx512D;

template <>
const AttentionKernels<float>& attention_kernels() {
  return isa == kAvx512 ? kAttentionAvx512F : isa == kAvx2 ? kAttentionAvx2F : kAttentionGenericF;
}
template <>
const AttentionKernels<double>& attention_kernels() {
  return isa == kAvx512 ? kAttentionAvx512D : isa == kAvx2 ? kAttentionAvx2D : kAttentionGenericD;
}
#else
template <>
const AttentionKernels<float>& attention_kernels() {
  return kAttentionGenericF;
}
template <>
const AttentionKernels<double>& attention_kernels() {
  return kAttentionGenericD;
}
#endif

namespace {

constexpr int64_t kQueryBlock = 64, kKeyBlock = 512;

struct Shape {
  int64_t batch, heads, key_heads, queries, keys, dim;
  bool causal;
  double scale;

  // Keys that the query `row` may see.
  int64_t visible(int64_t row) const { return causal ? std::min(keys, row + 1) : keys; }
  int64_t key_head(int64_t head) const { return head / (heads / key_heads); }
};

Shape check(const Tensor& q, const Tensor& k, const Tensor& v, double dropout, bool causal, std::optional<double> scale) {
  KD_CHECK(q.dim() == 4 && k.dim() == 4 && v.dim() == 4, Runtime,
           "scaled_dot_product_attention_flash_attention: Accept only 4 dims inputs shape of {B, H, T, K}");
  KD_CHECK(dropout == 0, Runtime, "scaled_dot_product_attention_flash_attention: Currently do not support dropout > 0");
  KD_CHECK(q.size(3) == k.size(3) && q.size(3) == v.size(3), Runtime,
           "scaled_dot_product_attention_flash_attention: Q/K/V should have the same head size");
  KD_CHECK(q.dtype() == k.dtype() && q.dtype() == v.dtype(), Runtime,
           "scaled_dot_product_attention_flash_attention: Q/K/V should have the same data type");
  KD_CHECK(q.size(1) % k.size(1) == 0 && k.size(1) == v.size(1), Runtime,
           "Number of heads in key and value must divide the number of heads in query");
  return {q.size(0), q.size(1), k.size(1), q.size(2),
          k.size(2), q.size(3), causal,    scale ? *scale : 1 / std::sqrt(double(q.size(3)))};
}

// The matrix (sequence x dim) of one head, in the computing type: the tensor's own memory, or a converted copy of rows [first, last).
template <class T, class C>
class Head {
  Scratch<C> copy_;
  Matrix<C> matrix_;
  int64_t first_;

 public:
  Head(const Tensor& t, int64_t batch, int64_t head, int64_t first, int64_t last)
      : copy_(std::same_as<T, C> ? 0 : (last - first) * t.size(3)), first_(std::same_as<T, C> ? 0 : first) {
    const T* src = t.data<T>() + batch * t.stride(0) + head * t.stride(1);
    if constexpr (std::same_as<T, C>) {
      matrix_ = {src, t.stride(2), t.stride(3)};
    } else {
      int64_t dim = t.size(3);
      for (int64_t i = first; i < last; i++) {
        for (int64_t d = 0; d < dim; d++) copy_[(i - first) * dim + d] = load(src[i * t.stride(2) + d * t.stride(3)]);
      }
      matrix_ = {copy_.get(), dim, 1};
    }
  }
  Matrix<C> from(int64_t row) const { return {matrix_.at(row - first_, 0), matrix_.row, matrix_.column}; }
};

// Rows of the additive mask in the computing type; null where there is none.
template <class C>
class Mask {
  Tensor t_;
  const char* data_ = nullptr;
  int64_t strides_[4] = {};

 public:
  Mask(const Tensor& mask, const Shape& s) : t_(mask) {
    if (!mask.defined()) return;
    int64_t want[4] = {s.batch, s.heads, s.queries, s.keys}, missing = 4 - mask.dim();
    for (int64_t d = 0; d < mask.dim(); d++) {
      KD_CHECK(mask.size(d) == 1 || mask.size(d) == want[missing + d], Runtime, "The mask of shape ", mask.sizes(),
               " does not broadcast to (batch, heads, queries, keys)");
      strides_[missing + d] = mask.size(d) == 1 ? 0 : mask.stride(d);
    }
    data_ = mask.raw();
  }
  const C* row(int64_t batch, int64_t head, int64_t query, int64_t key, int64_t n, C* scratch) const {
    if (!data_) return nullptr;
    int64_t at = batch * strides_[0] + head * strides_[1] + query * strides_[2] + key * strides_[3];
    visit<kFloatsT | kHalvesT | kBoolT>(t_.dtype(), "scaled_dot_product_attention", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T* src = reinterpret_cast<const T*>(data_) + at;
      if constexpr (std::same_as<T, bool>)
        for (int64_t j = 0; j < n; j++) scratch[j] = src[j * strides_[3]] ? C(0) : C(-INFINITY);
      else
        for (int64_t j = 0; j < n; j++) scratch[j] = C(load(src[j * strides_[3]]));
    });
    return scratch;
  }
};

template <class T, class C>
void forward_block(const Shape& s, const Tensor& q, const Tensor& k, const Tensor& v, const Mask<C>& mask, const Tensor& out,
                   const Tensor& log_sum, int64_t batch, int64_t head, int64_t first) {
  const auto& kernels = attention_kernels<C>();
  int64_t rows = std::min(kQueryBlock, s.queries - first), all = s.visible(first + rows - 1), hk = s.key_head(head);
  Head<T, C> query(q, batch, head, first, first + rows), key(k, batch, hk, 0, all), value(v, batch, hk, 0, all);
  Scratch<C> weights(kQueryBlock * std::min(kKeyBlock, all)), sum(rows * s.dim), mask_row(std::min(kKeyBlock, all));
  C row_max[kQueryBlock], row_sum[kQueryBlock];
  std::fill_n(row_max, rows, C(-INFINITY));
  std::fill_n(row_sum, rows, C(0));
  std::fill_n(sum.get(), rows * s.dim, C(0));
  for (int64_t at = 0; at < all; at += kKeyBlock) {
    int64_t n = std::min(kKeyBlock, all - at);
    gemm<C>(rows, n, s.dim, C(1), query.from(first), key.from(at).t(), C(0), weights.get(), n);
    for (int64_t i = 0; i < rows; i++) {
      C* w = weights + i * n;
      int64_t seen = std::clamp<int64_t>(s.visible(first + i) - at, 0, n);
      const C* m = mask.row(batch, head, first + i, at, seen, mask_row);
      C biggest = std::max(row_max[i], kernels.scale_max(seen, w, C(s.scale), m));
      std::fill(w + seen, w + n, C(0));
      if (biggest == C(-INFINITY)) {
        std::fill_n(w, seen, C(0));
        continue;
      }
      C shrink = std::exp(row_max[i] - biggest);
      row_sum[i] = row_sum[i] * shrink + kernels.exp_sum(seen, w, biggest);
      row_max[i] = biggest;
      if (shrink != C(1))
        for (int64_t d = 0; d < s.dim; d++) sum[i * s.dim + d] *= shrink;
    }
    gemm<C>(rows, s.dim, n, C(1), Matrix<C>{weights.get(), n, 1}, value.from(at), C(1), sum.get(), s.dim);
  }
  for (int64_t i = 0; i < rows; i++) {
    T* to = out.data<T>() + batch * out.stride(0) + head * out.stride(1) + (first + i) * out.stride(2);
    C over = row_sum[i] == 0 ? C(0) : C(1) / row_sum[i];
    for (int64_t d = 0; d < s.dim; d++) to[d * out.stride(3)] = store_as<T>(sum[i * s.dim + d] * over);
    log_sum.data<C>()[batch * log_sum.stride(0) + head * log_sum.stride(1) + (first + i) * log_sum.stride(2)] =
        row_sum[i] == 0 ? C(0) : row_max[i] + std::log(row_sum[i]);
  }
}

// Gradients of one key head, over all the query heads that share it.
template <class T, class C>
struct Backward {
  const Shape& s;
  const Tensor &q, &k, &v, &out, &log_sum, &grad_out, &grad_q, &grad_k, &grad_v;
  const Mask<C>& mask;

  static T* head_of(const Tensor& t, int64_t batch, int64_t head) {
    return t.data<T>() + batch * t.stride(0) + head * t.stride(1);
  }

  // Accumulators are the result's own memory when it is of the computing type.
  static C* accumulator(const Tensor& t, int64_t batch, int64_t head, Scratch<C>& own, int64_t& stride) {
    if constexpr (std::same_as<T, C>) {
      stride = t.stride(2);
      return head_of(t, batch, head);
    } else {
      stride = t.size(3);
      return own;
    }
  }
  static void zero(C* p, int64_t stride, int64_t rows, int64_t dim) {
    for (int64_t i = 0; i < rows; i++) std::fill_n(p + i * stride, dim, C(0));
  }
  static void put(const Tensor& t, int64_t batch, int64_t head, const C* from, int64_t rows, int64_t dim) {
    if constexpr (!std::same_as<T, C>) {
      T* to = head_of(t, batch, head);
      for (int64_t i = 0; i < rows; i++) {
        for (int64_t d = 0; d < dim; d++) to[i * t.stride(2) + d] = store_as<T>(from[i * dim + d]);
      }
    }
  }

  void run(int64_t batch, int64_t hk) const {
    constexpr bool own = !std::same_as<T, C>;
    const auto& kernels = attention_kernels<C>();
    int64_t L = s.queries, S = s.keys, D = s.dim, group = s.heads / s.key_heads, key_block = std::min(kKeyBlock, S);
    Head<T, C> key(k, batch, hk, 0, S), value(v, batch, hk, 0, S);
    Scratch<C> own_q(own ? L * D : 0), own_k(own ? S * D : 0), own_v(own ? S * D : 0);
    Scratch<C> p(kQueryBlock * key_block), dp(kQueryBlock * key_block), mask_row(key_block);
    int64_t sq, sk, sv;
    C *dk = accumulator(grad_k, batch, hk, own_k, sk), *dv = accumulator(grad_v, batch, hk, own_v, sv);
    zero(dk, sk, S, D);
    zero(dv, sv, S, D);
    for (int64_t head = hk * group; head < (hk + 1) * group; head++) {
      Head<T, C> query(q, batch, head, 0, L), go(grad_out, batch, head, 0, L), o(out, batch, head, 0, L);
      C* dq = accumulator(grad_q, batch, head, own_q, sq);
      zero(dq, sq, L, D);
      const C* lse = log_sum.data<C>() + batch * log_sum.stride(0) + head * log_sum.stride(1);
      for (int64_t first = 0; first < L; first += kQueryBlock) {
        int64_t rows = std::min(kQueryBlock, L - first), all = s.visible(first + rows - 1);
        C delta[kQueryBlock];
        for (int64_t i = 0; i < rows; i++) {
          Matrix<C> a = go.from(first + i), b = o.from(first + i);
          delta[i] = 0;
          for (int64_t d = 0; d < D; d++) delta[i] += *a.at(0, d) * *b.at(0, d);
        }
        for (int64_t at = 0; at < all; at += kKeyBlock) {
          int64_t n = std::min(kKeyBlock, all - at);
          gemm<C>(rows, n, D, C(1), query.from(first), key.from(at).t(), C(0), p.get(), n);
          for (int64_t i = 0; i < rows; i++) {
            int64_t seen = std::clamp<int64_t>(s.visible(first + i) - at, 0, n);
            const C* m = mask.row(batch, head, first + i, at, seen, mask_row);
            kernels.exp_scaled(seen, p + i * n, C(s.scale), m, lse[(first + i) * log_sum.stride(2)]);
            std::fill(p + i * n + seen, p + (i + 1) * n, C(0));
          }
          gemm<C>(n, D, rows, C(1), Matrix<C>{p.get(), 1, n}, go.from(first), C(1), dv + at * sv, sv);
          gemm<C>(rows, n, D, C(1), go.from(first), value.from(at).t(), C(0), dp.get(), n);
          for (int64_t i = 0; i < rows; i++) kernels.softmax_grad(n, p + i * n, dp + i * n, delta[i], C(s.scale));
          gemm<C>(rows, D, n, C(1), Matrix<C>{p.get(), n, 1}, key.from(at), C(1), dq + first * sq, sq);
          gemm<C>(n, D, rows, C(1), Matrix<C>{p.get(), 1, n}, query.from(first), C(1), dk + at * sk, sk);
        }
      }
      put(grad_q, batch, head, dq, L, D);
    }
    put(grad_k, batch, hk, dk, S, D);
    put(grad_v, batch, hk, dv, S, D);
  }
};

// (batch, heads, sequence, ...) laid out with the sequence outside the heads.
Tensor sequence_major(IntList sizes, TensorOptions options) {
  Dims order(sizes);
  std::swap(order[1], order[2]);
  Dims strides = contiguous_strides(order);
  std::swap(strides[1], strides[2]);
  return empty_strided(sizes, strides, options);
}

}  // namespace

namespace kernels {

std::tuple<Tensor, Tensor> _scaled_dot_product_flash_attention_for_cpu(const Tensor& query, const Tensor& key,
                                                                       const Tensor& value, double dropout_p, bool is_causal,
                                                                       const Tensor& attn_mask, std::optional<double> scale) {
  Shape s = check(query, key, value, dropout_p, is_causal, scale);
  Tensor out = empty_like(query);
  const int64_t rows[] = {s.batch, s.heads, s.queries};
  TensorOptions options = query.options();
  if (is_reduced_float(options.dtype)) options.dtype = DType::float32;
  Tensor log_sum = sequence_major(rows, options);
  if (out.is_meta() || out.numel() == 0) return {out, log_sum};
  visit<kFloatsT | kHalvesT>(query.dtype(), "flash_attention", [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    Mask<C> mask(attn_mask, s);
    int64_t blocks = (s.queries + kQueryBlock - 1) / kQueryBlock;
    parallel_for(0, s.batch * s.heads * blocks, 1, [&](int64_t from, int64_t to) {
      for (int64_t t = from; t < to; t++) {
        int64_t head = t / blocks;
        forward_block<T, C>(s, query, key, value, mask, out, log_sum, head / s.heads, head % s.heads, t % blocks * kQueryBlock);
      }
    });
  });
  return {out, log_sum};
}

std::tuple<Tensor, Tensor, Tensor> _scaled_dot_product_flash_attention_for_cpu_backward(
    const Tensor& grad_out, const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& out,
    const Tensor& logsumexp, double dropout_p, bool is_causal, const Tensor& attn_mask, std::optional<double> scale) {
  Shape s = check(query, key, value, dropout_p, is_causal, scale);
  Tensor gq = sequence_major(query.sizes(), query.options()), gk = sequence_major(key.sizes(), key.options()),
         gv = sequence_major(value.sizes(), value.options());
  if (gq.is_meta()) return {gq, gk, gv};
  visit<kFloatsT | kHalvesT>(query.dtype(), "flash_attention_backward", [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    Mask<C> mask(attn_mask, s);
    Backward<T, C> backward{s, query, key, value, out, logsumexp, grad_out, gq, gk, gv, mask};
    parallel_for(0, s.batch * s.key_heads, 1, [&](int64_t from, int64_t to) {
      for (int64_t t = from; t < to; t++) backward.run(t / s.key_heads, t % s.key_heads);
    });
  });
  return {gq, gk, gv};
}

}  // namespace kernels
}  // namespace kindling
