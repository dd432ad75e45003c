#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace examples {

/// A new directory that is removed with all that is in it.
class temporary_directory {
 public:
  explicit temporary_directory(const std::string& program) {
    std::string pattern = std::filesystem::temp_directory_path() / (program + "-XXXXXX");
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::system_error{errno, std::generic_category(), "cannot create " + pattern};
    path_ = pattern;
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string path() const { return path_; }
  std::string file(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace examples
