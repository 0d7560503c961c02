// Package jobserver starts Beam's job server for Flink, for tests that run on a
// real runner. Go's part of Beam has none: the server is Java's, from jars that
// Maven puts into a directory by beamio/testdata/flink/pom.xml.
package jobserver
