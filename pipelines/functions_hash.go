package pipelines

import (
	"crypto/md5"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"net"

	"github.com/apparentlymart/go-cidr/cidr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

func base64Text(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func hashed(sum func() hash.Hash, write func([]byte) string) function.Function {
	return text(func(s ...string) (string, error) {
		h := sum()
		h.Write([]byte(s[0])) // a hash never fails
		return write(h.Sum(nil)), nil
	}, "string")
}

// hashFunctions name content. None of them is meant to keep a secret.
var hashFunctions = map[string]described{
	"base64sha256": {hashed(sha256.New, base64Text), "The SHA-256 of the text, in base64."},
	"base64sha512": {hashed(sha512.New, base64Text), "The SHA-512 of the text, in base64."},
	"md5":          {hashed(md5.New, hex.EncodeToString), "The MD5 of the text, in hexadecimal."},
	"rsadecrypt":   {rsadecryptFunc, "What an RSA key (PEM, PKCS #1) decrypts from base64."},
	"sha1":         {hashed(sha1.New, hex.EncodeToString), "The SHA-1 of the text, in hexadecimal."},
	"sha256":       {hashed(sha256.New, hex.EncodeToString), "The SHA-256 of the text, in hexadecimal."},
	"sha512":       {hashed(sha512.New, hex.EncodeToString), "The SHA-512 of the text, in hexadecimal."},
	"uuidv5":       {uuidv5Func, "The UUID of a name in a namespace (dns, url, oid, x500 or a UUID); the same every time."},
}

var rsadecryptFunc = text(func(s ...string) (string, error) {
	cipher, err := base64.StdEncoding.DecodeString(s[0])
	if err != nil {
		return "", fmt.Errorf("the text is not base64: %w", err)
	}
	block, _ := pem.Decode([]byte(s[1]))
	if block == nil {
		return "", errors.New("the key is not in PEM form")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		return "", errors.New("the key is no RSA private key (PKCS #1)")
	}
	plain, err := rsa.DecryptPKCS1v15(nil, key, cipher) //nolint:staticcheck // what Terraform's function means
	if err != nil {
		return "", errors.New("the key does not decrypt the text")
	}
	return string(plain), nil
}, "ciphertext", "privatekey")

// Namespaces of RFC 4122, appendix C; they differ in one byte.
var namespaces = map[string]byte{"dns": 0x10, "url": 0x11, "oid": 0x12, "x500": 0x14}

var uuidv5Func = text(func(s ...string) (string, error) {
	space, err := hex.DecodeString("6ba7b8109dad11d180b400c04fd430c8")
	if err != nil {
		return "", err
	}
	if last, ok := namespaces[s[0]]; ok {
		space[3] = last
	} else {
		plain := make([]byte, 0, 32)
		for i, c := range []byte(s[0]) {
			if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') {
				plain = nil
				break
			} else if !dash {
				plain = append(plain, c)
			}
		}
		if space, err = hex.DecodeString(string(plain)); err != nil || len(space) != 16 {
			return "", fmt.Errorf("%q is no namespace: write dns, url, oid, x500 or a UUID", s[0])
		}
	}
	sum := sha1.Sum(append(space, s[1]...))
	sum[6], sum[8] = sum[6]&0x0f|0x50, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16]), nil
}, "namespace", "name")

// networkFunctions compute with address prefixes.
var networkFunctions = map[string]described{
	"cidrhost":    {onPrefix(cty.String, 1, hostIn), "The address of a host in a prefix such as 10.0.0.0/8."},
	"cidrnetmask": {onPrefix(cty.String, 0, netmask), "The mask of an IPv4 prefix."},
	"cidrsubnet":  {onPrefix(cty.String, 2, subnet), "A smaller prefix in a prefix, by more bits and a number."},
	"cidrsubnets": {onPrefix(cty.List(cty.String), -1, subnets), "Smaller prefixes in a prefix, one after the other, by more bits each."},
}

// onPrefix is a function of a prefix and numbers, of any number if n is -1.
func onPrefix(result cty.Type, n int, f func(*net.IPNet, []*big.Int) (cty.Value, error)) function.Function {
	spec := &function.Spec{Params: []function.Parameter{{Name: "prefix", Type: cty.String}}, Type: function.StaticReturnType(result)}
	for _, name := range [][]string{nil, {"hostnum"}, {"newbits", "netnum"}}[max(n, 0)] {
		spec.Params = append(spec.Params, function.Parameter{Name: name, Type: cty.Number})
	}
	if n < 0 {
		spec.VarParam = &function.Parameter{Name: "newbits", Type: cty.Number}
	}
	spec.Impl = func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		_, prefix, err := net.ParseCIDR(args[0].AsString())
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(0, "%q is not a prefix such as 10.0.0.0/8", args[0].AsString())
		}
		var numbers []*big.Int
		for i, a := range args[1:] {
			f := a.AsBigFloat()
			if !f.IsInt() || f.MantExp(nil) > 256 {
				return cty.NilVal, function.NewArgErrorf(i+1, "must be a whole number that fits an address")
			}
			whole, _ := f.Int(nil)
			numbers = append(numbers, whole)
		}
		return f(prefix, numbers)
	}
	return function.New(spec)
}

func hostIn(prefix *net.IPNet, n []*big.Int) (cty.Value, error) {
	ip, err := cidr.HostBig(prefix, n[0])
	if err != nil {
		return cty.NilVal, err
	}
	return cty.StringVal(ip.String()), nil
}

func netmask(prefix *net.IPNet, _ []*big.Int) (cty.Value, error) {
	if prefix.IP.To4() == nil {
		return cty.NilVal, errors.New("an IPv6 prefix has no mask that can be written so; use its length")
	}
	return cty.StringVal(net.IP(prefix.Mask).String()), nil
}

func subnet(prefix *net.IPNet, n []*big.Int) (cty.Value, error) {
	if !n[0].IsInt64() || n[0].Int64() < 0 || n[0].Int64() > 128 {
		return cty.NilVal, function.NewArgErrorf(1, "must be from 0 to 128 bits")
	}
	smaller, err := cidr.SubnetBig(prefix, int(n[0].Int64()), n[1])
	if err != nil {
		return cty.NilVal, err
	}
	return cty.StringVal(smaller.String()), nil
}

func subnets(prefix *net.IPNet, bits []*big.Int) (cty.Value, error) {
	var list []cty.Value
	length, whole := prefix.Mask.Size()
	var current *net.IPNet
	for i, b := range bits {
		if !b.IsInt64() || b.Int64() < 1 || int64(length)+b.Int64() > int64(whole) {
			return cty.NilVal, function.NewArgErrorf(i+1, "must be from 1 to the %d bits that are left", whole-length)
		}
		size := length + int(b.Int64())
		outside := false
		if current == nil {
			current = &net.IPNet{IP: prefix.IP, Mask: net.CIDRMask(size, whole)}
		} else {
			current, outside = cidr.NextSubnet(current, size)
		}
		if outside || !prefix.Contains(current.IP) {
			return cty.NilVal, function.NewArgErrorf(i+1, "the prefix has no room for it")
		}
		list = append(list, cty.StringVal(current.String()))
	}
	return listOf(list, cty.List(cty.String)), nil
}
