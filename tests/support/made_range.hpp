/// A range whose elements are made when they are looked at, as those of std::views::transform: whose
/// headers clang 14 cannot read.
#pragma once

#include <compare>
#include <cstddef>
#include <type_traits>

namespace hawser::test {

/// `make(0)` to `make(count - 1)`.
template <class Make>
class made_range {
 public:
  class iterator {
   public:
    using value_type = std::invoke_result_t<const Make&, int>;
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    iterator(const Make* make, difference_type at) : make_(make), at_(at) {}
    value_type operator*() const { return (*make_)(static_cast<int>(at_)); }
    value_type operator[](difference_type n) const { return *(*this + n); }

    iterator& operator+=(difference_type n) { return at_ += n, *this; }
    iterator& operator-=(difference_type n) { return at_ -= n, *this; }
    iterator& operator++() { return *this += 1; }
    iterator& operator--() { return *this -= 1; }
    iterator operator++(int) { return {make_, at_++}; }
    iterator operator--(int) { return {make_, at_--}; }
    friend iterator operator+(iterator i, difference_type n) { return i += n; }
    friend iterator operator+(difference_type n, iterator i) { return i += n; }
    friend iterator operator-(iterator i, difference_type n) { return i -= n; }
    friend difference_type operator-(const iterator& a, const iterator& b) { return a.at_ - b.at_; }
    bool operator==(const iterator& other) const { return at_ == other.at_; }
    auto operator<=>(const iterator& other) const { return at_ <=> other.at_; }

   private:
    const Make* make_ = nullptr;
    difference_type at_ = 0;
  };

  made_range(int count, Make make) : count_(count), make_(make) {}
  iterator begin() const { return {&make_, 0}; }
  iterator end() const { return {&make_, count_}; }
  std::size_t size() const { return static_cast<std::size_t>(count_); }

 private:
  int count_;
  Make make_;
};

}  // namespace hawser::test
