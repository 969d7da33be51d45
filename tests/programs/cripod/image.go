// SPDX-License-Identifier: Apache-2.0

// An image in the layout of the OCI (image-spec, image-layout.md), as a runtime imports it: one layer with the programs in
// its root.
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

type object map[string]any

type file struct {
	name string
	mode int64
	data []byte
}

func archive(to io.Writer, files []file) error {
	w := tar.NewWriter(to)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data))}); err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	return w.Close()
}

// blobs are files that are known by the sum of what is in them.
type blobs []file

func (b *blobs) add(kind string, data []byte) object {
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	*b = append(*b, file{"blobs/sha256/" + digest, 0o644, data})
	return object{"mediaType": kind, "digest": "sha256:" + digest, "size": len(data)}
}

func (b *blobs) addObject(kind string, value object) (object, error) {
	data, err := json.Marshal(value)
	return b.add(kind, data), err
}

func layerOf(programs []string) ([]byte, error) {
	var files []file
	for _, path := range programs {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files = append(files, file{filepath.Base(path), 0o755, data})
	}
	layer := new(bytes.Buffer)
	err := archive(layer, files)
	return layer.Bytes(), err
}

// writeImage's first program is what the image runs by itself.
func writeImage(to io.Writer, name string, programs []string) error {
	var stored blobs
	if len(programs) == 0 {
		return errors.New("an image has at least one program")
	}
	data, err := layerOf(programs)
	if err != nil {
		return err
	}
	layer := stored.add(layerType, data)
	platform := object{"architecture": runtime.GOARCH, "os": "linux"}
	config, err := stored.addObject(configType, object{
		"architecture": platform["architecture"],
		"os":           platform["os"],
		"config":       object{"Entrypoint": []string{"/" + filepath.Base(programs[0])}, "Env": []string{"PATH=/"}},
		"rootfs":       object{"type": "layers", "diff_ids": []any{layer["digest"]}},
	})
	if err != nil {
		return err
	}
	manifest, err := stored.addObject(manifestType, object{
		"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": []object{layer},
	})
	if err != nil {
		return err
	}
	manifest["platform"] = platform
	manifest["annotations"] = object{
		"io.containerd.image.name":          name,
		"org.opencontainers.image.ref.name": name[strings.LastIndex(name, ":")+1:],
	}
	index, err := json.Marshal(object{"schemaVersion": 2, "manifests": []object{manifest}})
	if err != nil {
		return err
	}
	return archive(to, append([]file{
		{"oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", 0o644, index},
	}, stored...))
}
