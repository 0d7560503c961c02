// Compares functions in what the calling convention sees: the number of parameters, and of each, and of the result,
// whether it is an integer or enum, a floating-point number or a pointer, its size, and the size of a number that it
// points to.
#pragma once
#include <type_traits>

template <class T> constexpr bool is_scalar = std::is_arithmetic_v<T> || std::is_enum_v<T>;

template <class Theirs, class Ours> constexpr bool same_pointee() {
	using T = std::remove_cv_t<Theirs>;
	using O = std::remove_cv_t<Ours>;
	if constexpr (std::is_void_v<O> || std::is_void_v<T>) return true; // a handle, or bytes of any kind
	else if constexpr (std::is_pointer_v<T> || std::is_pointer_v<O>) return std::is_pointer_v<T> && std::is_pointer_v<O>;
	else if constexpr (is_scalar<T> && is_scalar<O>)
		return sizeof(T) == sizeof(O) && std::is_floating_point_v<T> == std::is_floating_point_v<O>;
	else if constexpr (std::is_class_v<T> && std::is_class_v<O>) return sizeof(T) == sizeof(O);
	else return false;
}

template <class T, class O> constexpr bool same() {
	if constexpr (std::is_void_v<T> || std::is_void_v<O>) return std::is_void_v<T> && std::is_void_v<O>;
	else if constexpr (std::is_pointer_v<T> && std::is_pointer_v<O>)
		return same_pointee<std::remove_pointer_t<T>, std::remove_pointer_t<O>>();
	else if constexpr (is_scalar<T> && is_scalar<O>)
		return sizeof(T) == sizeof(O) && std::is_floating_point_v<T> == std::is_floating_point_v<O>;
	else return false;
}

template <class Theirs, class Ours> struct agree : std::false_type {};
template <class R, class... A, class S, class... B> struct agree<R (*)(A...), S (*)(B...)> {
	static constexpr bool value = [] {
		if constexpr (sizeof...(A) != sizeof...(B)) return false;
		else return same<R, S>() && (same<A, B>() && ...);
	}();
};
