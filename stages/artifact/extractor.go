package artifact

import "errors"

// ReadExtractor reads a network whose features judge images: a classifier's folder, or published weights as OpenBackbone takes them,
// at the size that they were made for. These come without classes.
func ReadExtractor(path, architecture string) (*Classifier, error) {
	stored, err := holdsModel(path)
	if err != nil {
		return nil, err
	}
	if stored && architecture == "" {
		return ReadClassifier(path)
	}
	b, err := OpenBackbone(path, architecture)
	if err != nil {
		return nil, err
	}
	c, err := b.Classifier([]string{"unread"}, b.Info.Size, 0)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	c.Info.Classes, c.archive = nil, b.archive
	return c, nil
}
